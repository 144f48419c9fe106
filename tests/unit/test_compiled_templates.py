"""Templates are compiled once, kept where that can be, and do without where it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from flask import Flask
from jinja2.environment import create_cache

from timer_service.web import compiled_templates


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/word.html").write_text("a {{ word }}")
    return Flask(__name__, root_path=str(tmp_path))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they are kept. It is not there yet."""
    found = tmp_path / "kept"
    monkeypatch.setattr(compiled_templates, "_FOLDER", found)
    return found


def renders(app: Flask) -> bool:
    return app.jinja_env.get_template("word.html").render(word="word") == "a word"


def test_what_one_process_compiled_the_next_reads(
    app: Flask, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder.mkdir()
    compiled_templates.keep(app)
    assert renders(app)
    another = Flask(__name__, root_path=str(tmp_path))
    compiled_templates.keep(another)
    monkeypatch.setattr(another.jinja_env, "compile", None)
    assert renders(another)
    (tmp_path / "templates/word.html").write_text("the {{ word }}")
    again = Flask(__name__, root_path=str(tmp_path))
    compiled_templates.keep(again)
    assert again.jinja_env.get_template("word.html").render(word="word") == "the word"


def test_where_nothing_can_be_written_they_are_compiled_in_each_process(app: Flask, folder: Path) -> None:
    compiled_templates.keep(app)
    assert renders(app)
    assert not folder.exists()


def test_nothing_is_written_where_python_writes_no_bytecode(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder.mkdir()
    compiled_templates.keep(app)
    assert renders(app)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"j2", b"x" * 1000])
def test_a_file_that_was_cut_off_or_is_none_is_compiled_anew(
    app: Flask, folder: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder.mkdir()
    compiled_templates.keep(app)
    assert renders(app)
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    for broken in (text, whole[:30], whole[: len(whole) // 2]):
        kept.write_bytes(broken)
        app.jinja_env.cache = create_cache(0)
        assert renders(app)
        assert kept.read_bytes() == whole

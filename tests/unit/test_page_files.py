"""The files of the page: how large they are, and that no template has what the page's policy forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "timer_service/web/pages"
TEMPLATES = sorted((PAGES / "templates").rglob("*.*"))


def test_the_stylesheet_is_small_enough() -> None:
    css = re.sub(r"/\*.*?\*/", "", (PAGES / "static/page.css").read_text(), flags=re.DOTALL)
    lines = [line.strip() for line in css.splitlines() if line.strip()]
    assert len("\n".join(lines).encode()) <= 12_288


def test_the_script_is_short_enough_and_stands_alone() -> None:
    script = (PAGES / "static/page.js").read_text()
    assert len(script.splitlines()) <= 400
    assert not re.search(r"^\s*(import|export)\b|\bimport\(", script, re.MULTILINE)


#: What a browser would take for HTML or a script: https://www.w3.org/TR/trusted-types/ has the list.
_SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|parseHTML|setHTML|createContextualFragment"
    r"|\beval\b|\bFunction\(|setTimeout\(\s*['\"`]|\.src\b|setAttribute\(['\"](?:on|src|href)|trustedTypes"
)


def test_the_script_makes_no_text_html() -> None:
    assert not _SINKS.findall((PAGES / "static/page.js").read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_style_a_handler_or_a_script_in_it(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.findall(r"<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:|<iframe|<object|<embed|<base\b", text)
    scripts = re.findall(r"<script[^>]*>.*?</script>", text, re.DOTALL)
    assert scripts in ([], ['<script type="module" src="{{ static_url("page.js") }}"></script>'])
    assert not re.findall(r"\|\s*safe\b|autoescape\s+false|(?:src|href)=\"(?:https?:)?//", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_changes_something_has_a_token(path: Path) -> None:
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", path.read_text(), re.DOTALL | re.IGNORECASE):
        assert "token()" in form, form

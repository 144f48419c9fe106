"""What docs/testing-your-code.md shows is a project whose tests are green, as it stands there."""

from __future__ import annotations

import re

from tests.bench.pages import examples, page
from tests.testing.conftest import Project


def test_the_examples_of_the_page_are_a_project_whose_tests_are_green(project: Project) -> None:
    shown = [it.text for it in examples(page("testing-your-code.md")) if it.language == "python"]
    for text in shown:
        name = re.match(r"# (\w+\.py)\n", text)
        assert name is not None
        project.write(name[1], text)
    assert "4 passed" in project.run()

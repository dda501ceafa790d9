"""MkDocs hooks for the site of docs/. They run in .venv/docs, so they import nothing of this project."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

_MERMAID = "assets/mermaid.min.js"


def on_files(files: Files, *, config: Any) -> Files:
    """Add the library that draws diagrams: the site must not load it from another server."""
    spec = find_spec("mermaidx")
    assert spec and spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0]) / "assets" / "mermaid.js"
    files.append(File.generated(config, _MERMAID, abs_src_path=str(source)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Remove the second word of a fence such as ```sh up, which tells tests how to run the block."""
    return re.sub(r"^```(\w+) \w+$", r"```\1", markdown, flags=re.MULTILINE)


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Load the library on pages with a diagram. Material uses it if it is there, else it downloads one."""
    if '<pre class="mermaid">' not in output:
        return output
    depth = page.url.count("/")
    script = f'<script src="{"../" * depth}{_MERMAID}"></script>'
    return output.replace("</body>", f"{script}\n</body>")

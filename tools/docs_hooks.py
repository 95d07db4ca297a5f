"""What the site has beyond docs/*.md: files of the repository as pages, the help of all commands, JSON schemas.

MkDocs calls the functions `on_...` (mkdocs.yml). Links between files of the repository become links between pages.
"""

import json
import os
import re
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))

from json_schemas import schemas

ROOT = Path(__file__).parents[1]
PAGES = {  # file of the repository -> page of the site
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "LOG.md": "log.md",
    "src/mien/assets/default.md": "card-default.md",
    "src/mien/assets/small.md": "card-small.md",
}
COPIED = ("LICENSE", "CITATION.cff", "LICENSES/*", "examples/*.ipynb", "examples/*.py", "examples/serve/*")
WIDTH = 80  # columns of the help


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files that are not in docs/."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    for pattern in COPIED:
        for path in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    for name, schema in schemas().items():
        if files.get_file_from_path(f"schemas/{name}.json") is None:  # photo.json is a file in docs/
            files.append(File.generated(config, f"schemas/{name}.json", content=json.dumps(schema, indent=1)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is generated, and turn links to files of the repository into links to their pages."""
    here = page.file.src_uri
    if here == "commands.md":
        markdown += command_help()
    elif here == "json.md":
        markdown += json_sections()
    homes = {page: source for source, page in PAGES.items()}
    folder = PurePosixPath(homes.get(here, f"docs/{here}")).parent

    def relinked(found: re.Match[str]) -> str:
        path, hash_sign, anchor = found[2].partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return found[0]
        target = normpath(f"{folder}/{path}")
        home = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else target)
        if files.get_file_from_path(home) is None and (ROOT / target).is_dir():
            home = next((file.src_uri for file in files if file.src_uri.startswith(f"{home}/")), home)
        if files.get_file_from_path(home) is None:
            return elsewhere(found, target, here, config)
        return f"{found[1]}({relpath(home, PurePosixPath(here).parent)}{hash_sign}{anchor})"

    code = r"^```.*?^```|^(?: {4}|\t).*?$|`[^`\n]*`"
    return re.sub(
        rf"{code}|(\])\(([^)\s]+)\)",
        lambda found: relinked(found) if found[1] else found[0],
        markdown,
        flags=re.MULTILINE | re.DOTALL,
    )


def elsewhere(found: re.Match[str], target: str, here: str, config: MkDocsConfig) -> str:
    """Return a link to a file that is not on the site: in the repository, or nowhere while that has no address."""
    if not (ROOT / target).exists():
        raise PluginError(f"{here}: a link to {target}, which does not exist")
    return f"](<{config.repo_url.rstrip('/')}/blob/main/{target}>)" if config.repo_url else f"](# '{target}')"


def command_help() -> str:
    """Return a section for each command, as its --help says."""
    from importlib import import_module

    from mien.cli import GROUPS, overview, run_verb

    os.environ["COLUMNS"] = str(WIDTH)

    def help_of(verb: str, *words: str) -> str:
        with redirect_stdout(StringIO()) as out:
            run_verb(verb, [*words, "--help"])
        return f"```text\n{out.getvalue().strip()}\n```\n"

    parts = [f"\n```text\n{overview()}\n```\n"]
    for group, verbs in GROUPS.items():
        for verb, line in verbs.items():
            parts += [f"\n### mien {verb}\n", f"{line} ({group}).\n", help_of(verb)]
            for usage in getattr(import_module(f"mien.cli.{verb}"), "ACTIONS", {}):
                parts += [f"\n#### mien {verb} {usage.split()[0]}\n", help_of(verb, usage.split()[0])]
    return "\n".join(parts)


def json_sections() -> str:
    """Return a section for each kind of file; an object that several have is listed once."""
    seen = set[str]()
    return "\n".join(schema_section(name, schema, seen) for name, schema in schemas().items())


def schema_section(name: str, schema: dict[str, Any], seen: set[str]) -> str:
    """Return the fields of a file as tables, one for each object in it that is not `seen` yet."""
    kinds = schema.get("$defs", {})
    top = kinds.get(schema.get("$ref", "").rpartition("/")[2], schema)
    lines = [f"\n## {name}\n", f"[{name}.json](schemas/{name}.json)\n"]
    for title, kind in {name: top, **{key: kind for key, kind in kinds.items() if kind is not top}}.items():
        if "properties" in kind and title not in seen:
            seen.add(title)
            lines += [f"\n### {title}\n" if title != name else "", "| field | type | what it is |", "|---|---|---|"]
            for field, facts in kind["properties"].items():
                about = facts.get("description", "").replace("|", "\\|")
                lines.append(f"| `{field}` | {type_text(facts)} | {about} |")
    return "\n".join(lines) + "\n"


def type_text(facts: dict[str, Any]) -> str:
    """Return what a field holds, in words."""
    if "$ref" in facts:
        return facts["$ref"].rpartition("/")[2]
    if "anyOf" in facts:
        return " or ".join(type_text(one) for one in facts["anyOf"])
    if "enum" in facts:
        return ", ".join(f"`{one}`" for one in facts["enum"])
    kind = facts.get("type", "anything")
    if kind == "array" and facts.get("items"):
        return f"list of {type_text(facts['items'])}"
    if kind == "object" and isinstance(facts.get("additionalProperties"), dict):
        return f"object of {type_text(facts['additionalProperties'])}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)

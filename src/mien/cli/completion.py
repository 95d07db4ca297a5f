"""`mien --completion SHELL`: a script for bash, zsh or fish that completes verbs, actions, options and their choices.

The words come from the help of each verb, so that there is no second list of options.
"""

import os
import re
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from io import StringIO

from mien.cli import VERBS, run_verb
from mien.core.errors import InputError, did_you_mean

SHELLS = ("bash", "zsh", "fish")
TOP = {"--help": "Show the verbs", "--version": "Show the version", "--completion": "Print a script for a shell"}


@dataclass(frozen=True)
class Option:
    """An option of a command as its help shows it: `choices` are the words it takes, empty where it takes any."""

    name: str
    takes_value: bool
    choices: tuple[str, ...]


def completion(shell: str) -> str:
    """Return the script for a shell.

    Raises:
        InputError: the shell is none of `SHELLS`.
    """
    if shell not in SHELLS:
        raise InputError(
            f"{f'--completion {shell}'.rstrip()}: expected {', '.join(SHELLS)}{did_you_mean(shell, SHELLS)}"
        )
    os.environ["COLUMNS"] = "100000"  # an option's name and its choices on one line
    return _fish() if shell == "fish" else _bash(zsh=shell == "zsh")


def actions(verb: str) -> list[str]:
    """Return the actions of a verb: of `data` inspect, check and so on; empty where it has none."""
    return [usage.split()[0] for usage in getattr(import_module(f"mien.cli.{verb}"), "ACTIONS", {})]


def options(verb: str, *action: str) -> list[Option]:
    """Return the options that the help of a command shows."""
    with redirect_stdout(StringIO()) as text:
        run_verb(verb, [*action, "--help"])
    found = dict[str, Option]()  # the text above the options may list some too
    for name, value in re.findall(r"^\W+(?:-h, )?(--[a-z][\w-]*)(?: (\S+))?", text.getvalue(), re.MULTILINE):
        listed = re.search(r"\{([^{}]*)\}", value)
        choices = [word for word in listed[1].split(",") if word != "None"] if listed else []
        found[name] = Option(name, bool(value), tuple(choices))
    return [*found.values()]


def first_words(verb: str) -> list[str]:
    """Return what may follow a verb: its actions, or the names of recipes."""
    from mien.recipes import RECIPES

    return [*RECIPES] if verb in ("train", "recipes") else actions(verb)


def commands() -> dict[str, list[Option]]:
    """Return the options of each command, by its words: `predict`, `data inspect`."""
    return {
        " ".join((verb, *action)): options(verb, *action)
        for verb in VERBS
        for action in [[one] for one in actions(verb)] or [[]]
    }


def _bash(*, zsh: bool) -> str:
    values, names = [], []
    for words, found in commands().items():
        values += [f'"{words} {one.name}") list="{" ".join(one.choices)}" ;;' for one in found if one.choices]
        names.append(f'"{words}") list="{" ".join(one.name for one in found)}" ;;')
    firsts = [f'"{verb}") list="{" ".join(first_words(verb))}" ;;' for verb in VERBS if first_words(verb)]
    groups = "|".join(verb for verb in VERBS if actions(verb))
    text = f"""_mien_words() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" verb="${{COMP_WORDS[1]}}"
    local list="" key given=""
    COMPREPLY=()
    case "$word" in
        =) word="" ;;
        --*=*) before="${{word%%=*}}"; given="$before="; word="${{word#*=}}" ;;
    esac
    [ "$before" = "=" ] && before="${{COMP_WORDS[COMP_CWORD-2]}}"
    key="$verb"
    case "$verb" in {groups}) key="$verb ${{COMP_WORDS[2]}}" ;; esac
    if [ "$COMP_CWORD" = 1 ]; then
        list="{" ".join([*VERBS, *TOP])}"
    else
        case "$key $before" in
            "--completion --completion") list="{" ".join(SHELLS)}" ;;
            "--version --version") list="--verbose" ;;
            {f"{chr(10)}            ".join(values)}
        esac
        if [ -z "$list" ] && [ "$COMP_CWORD" = 2 ] && [ "${{word#-}}" = "$word" ]; then
            case "$verb" in
                {f"{chr(10)}                ".join(firsts)}
            esac
        fi
        if [ -z "$list" ] && [ "${{word#-}}" != "$word" ]; then
            case "$key" in
                {f"{chr(10)}                ".join(names)}
            esac
        fi
    fi
    [ -n "$list" ] && COMPREPLY=($(compgen -P "$given" -W "$list" -- "$word"))
}}"""
    if zsh:  # a file of fpath, which zsh runs each time it completes
        begin, end = (
            "#compdef mien\nautoload -Uz bashcompinit && bashcompinit",
            "_bash_complete -o default -F _mien_words",
        )
        return f"{begin}\n{text}\n{end}"
    return f"{text}\ncomplete -o default -F _mien_words mien"


def _fish() -> str:
    lines = ["complete -c mien -e", *(_top(name, text) for name, text in TOP.items())]
    lines.append("complete -c mien -n '__fish_seen_argument -l version' -l verbose")
    lines += [
        f"complete -c mien -n __fish_use_subcommand -fa {verb} -d {_quoted(line)}" for verb, line in VERBS.items()
    ]
    for verb in VERBS:
        seen = f"__fish_seen_subcommand_from {verb}"
        if words := " ".join(first_words(verb)):
            lines.append(f"complete -c mien -n '{seen}; and not __fish_seen_subcommand_from {words}' -a '{words}'")
    for words, found in commands().items():
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in words.split())
        for one in found:
            value = f" -xa '{' '.join(one.choices)}'" if one.choices else " -r" * one.takes_value
            lines.append(f"complete -c mien -n '{seen}' -l {one.name.removeprefix('--')}{value}")
    return "\n".join(lines)


def _top(name: str, text: str) -> str:
    value = f" -xa '{' '.join(SHELLS)}'" if name == "--completion" else ""
    return f"complete -c mien -n __fish_use_subcommand -l {name.removeprefix('--')}{value} -d {_quoted(text)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"

"""Whether a command line calls a deploy tool past gonogo: what the optional hook of an agent's client asks.

A seat belt against accidents, and no more: whoever wants round it gets round it. What holds is that agents have no
deploy credentials (`gonogo doctor --agents`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DEPLOYERS: Final = _words(
    "kubectl helm helmfile argocd argo flux terraform tofu terragrunt pulumi ansible-playbook nomad docker-compose fly "
    "flyctl heroku vercel netlify wrangler cdk sam serverless cap kamal waypoint spinnaker spin eb copilot gcloud az "
    "aws skaffold kustomize oc kubectl-argo-rollouts systemctl haproxy nginx caddy"
)
READING: Final = _words(
    "get describe logs list ls show status version diff plan lint template validate config history events top explain "
    "output state help --help -h --version"
)
_WRAPPERS: Final = _words("sudo env nohup time nice exec command xargs bash sh zsh dash python python3")
_APPROVING: Final = _words("approve acknowledge attest waive resume sign-off consent hand-in keys trust agent")
_SEPARATORS: Final = re.compile(r"[;&|\n]+|\$\(|`|\)")
MOST: Final = 64 << 10


def refused_call(line: str, scripts: Iterable[str]) -> str:
    """Why a command line is not let through; empty where it is. `scripts` are what the project's commands start."""
    if len(line) > MOST:
        return "the command line is too long to be looked at"
    named = {script.rpartition("/")[2] for script in scripts}
    for words in _commands(line):
        if reason := _reason(words, named):
            return reason
    return ""


def _commands(line: str) -> Iterator[list[str]]:
    for part in _SEPARATORS.split(line):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            words = part.split()
        if words:
            yield words


def _reason(words: list[str], scripts: set[str]) -> str:
    for place, word in enumerate(words):
        name = word.rpartition("/")[2]
        if name in scripts:
            return f"{name} is a deploy script of this project: gonogo starts it, when gates and people let it"
        verbs = _verbs(words[place + 1 :])
        if name == "gonogo" and verbs & _APPROVING:
            return f"gonogo {min(verbs & _APPROVING)} is for people, with their own keys"
        if name in DEPLOYERS and not verbs & READING:
            return f"{name} changes what runs: during a release that is gonogo's work"
        if name not in _WRAPPERS and "=" not in word and not word.startswith("-"):
            return ""
    return ""


def _verbs(words: list[str]) -> set[str]:
    """What a program is told to do: its first word that is no option, or the next where that may be a value."""
    found: set[str] = set()
    for place, word in enumerate(words):
        if word.startswith("-"):
            found |= {word} & READING
            continue
        found.add(word)
        if place == 0 or not words[place - 1].startswith("-") or "=" in words[place - 1]:
            break
    return found

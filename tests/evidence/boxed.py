"""Runs one source into a real archive and gives what is in it."""

import json
import zipfile
from dataclasses import dataclass

from tests.evidence.builders import Saying, collected


@dataclass
class Boxed:
    texts: dict
    manifest: dict

    def source(self, name):
        return next(one for one in self.manifest["sources"] if one["name"] == name)

    def failures(self, name):
        return {one["what"]: one["reason"] for one in self.source(name)["failures"]}

    def file(self, path):
        return next(one for one in self.manifest["files"] if one["path"] == path)


def boxed(folder, *sources, found=None, **about):
    """Collect; `found` is what earlier sources are to have found."""

    def give(_, box):
        for name, values in (found or {}).items():
            box.found(name, frozenset(values))

    done = collected(folder, Saying("before", give), *sources, **about)
    with zipfile.ZipFile(done.path) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    return Boxed(texts, json.loads(texts.pop("manifest.json")))

"""Runs one source into a real archive and gives what is in it."""

import json
import zipfile
from dataclasses import dataclass

from tests.evidence.builders import FakeSource, collected


@dataclass
class Bundle:
    texts: dict
    manifest: dict

    def source(self, name):
        return next(source for source in self.manifest["sources"] if source["name"] == name)

    def failures(self, name):
        return {failure["what"]: failure["reason"] for failure in self.source(name)["failures"]}

    def file(self, path):
        return next(file for file in self.manifest["files"] if file["path"] == path)


def bundle(folder, *sources, shared=None, **about):
    """Collect; `shared` is what earlier sources share."""

    def share(_, files):
        for name, values in (shared or {}).items():
            files.share(name, frozenset(values))

    done = collected(folder, FakeSource("before", share), *sources, **about)
    with zipfile.ZipFile(done.path) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    return Bundle(texts, json.loads(texts.pop("manifest.json")))

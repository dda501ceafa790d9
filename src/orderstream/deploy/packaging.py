"""Artifacts and template, made ready by SAM CLI: the code lies in a bucket, where the template names it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orderstream.aws.clients import AwsClients, translate_errors
from orderstream.deploy.artifact import API, PROCESS, TEMPLATE, UPKEEP, BuiltArtifact, build
from orderstream.deploy.parameters import document
from orderstream.deploy.target import DeployTarget, environment_for
from orderstream.errors import DeploymentError

LINES_OF_SAM = 15
_AS_JSON = "template.json"


def build_all(
    place: DeployTarget, parameters: Mapping[str, str], work_dir: Path
) -> tuple[BuiltArtifact, ...]:
    """Build what a stack with these parameters needs, in `work_dir`, beside a copy of the template.

    Raises OrderstreamError.
    """
    # SAM CLI takes CodeUri from the template's own folder; it reads that seven times, and YAML slowly.
    work_dir.mkdir(parents=True, exist_ok=True)
    (work_dir / _AS_JSON).write_text(json.dumps(document(TEMPLATE)))
    built = [build(PROCESS, work_dir / PROCESS.code_uri, place.platform)]
    for artifact, parameter in ((UPKEEP, "ArchiveUpkeep"), (API, "HttpApi")):
        folder = work_dir / artifact.code_uri
        if parameters[parameter] != "none":
            built.append(build(artifact, folder, place.platform))
        else:
            # Not deployed then; but SAM CLI packs whatever the template names, and DuckDB is large.
            folder.mkdir(parents=True)
            (folder / "README").write_text(f"Not built, and not deployed: {parameter} is none.\n")
    return tuple(built)


def package(cloud: AwsClients, place: DeployTarget, stack: str, work_dir: Path) -> dict[str, Any]:
    """Have SAM CLI upload the artifacts in `work_dir`; returns the template with their places.

    What is there already by its hash is not uploaded again. Raises DeploymentError with SAM CLI's last words.
    """
    if place.code_bucket:
        with translate_errors("cannot make the bucket for artifacts"):
            # In the laptop cloud's region, making a bucket that one has already is no error.
            cloud.s3.create_bucket(Bucket=place.code_bucket)
        where = ["--s3-bucket", place.code_bucket]
    else:
        where = ["--resolve-s3"]
    out = work_dir / "packaged.json"
    command = [str(Path(sys.executable).with_name("sam")), "package", *where, "--s3-prefix", stack]
    command += ["--template-file", _AS_JSON, "--use-json", "--output-template-file", out.name]
    command += ["--no-progressbar"]
    # SAM CLI leaves temporary folders behind: they go with this one.
    folders = dict.fromkeys(("__SAM_CLI_APP_DIR", "TMPDIR"), os.fspath(work_dir.absolute()))
    telling = {"SAM_CLI_TELEMETRY": "0", **folders}
    if place.is_laptop:
        telling["SAM_CLI_POLL_DELAY"] = "1"
    done = subprocess.run(
        command,
        cwd=work_dir,
        env=environment_for(cloud) | telling,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LINES_OF_SAM:])
        raise DeploymentError(
            f"sam package failed:\n{said}", hint="does `sam validate --lint` like template.yaml?"
        )
    template: dict[str, Any] = json.loads(out.read_text())
    return template


def code_bucket_of(template: Mapping[str, Any]) -> str:
    """The bucket in which the code of a packaged template lies."""
    uri: str = template["Resources"]["ProcessOrders"]["Properties"]["CodeUri"]
    return uri.removeprefix("s3://").partition("/")[0]


def template_url(cloud: AwsClients, stack: str, template: Mapping[str, Any]) -> str:
    """Put a packaged template beside its code, for it is too large for a request; returns its address."""
    body = json.dumps(template, sort_keys=True).encode()
    bucket = code_bucket_of(template)
    key = f"{stack}/{hashlib.sha256(body).hexdigest()[:32]}.template"
    with translate_errors(f"cannot put the template into s3://{bucket}"):
        cloud.s3.put_object(Bucket=bucket, Key=key, Body=body)
    return f"{cloud.s3.meta.endpoint_url}/{bucket}/{key}"

"""Packages artifacts and template with SAM CLI: uploads the code and references it in the template."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.deploy.artifact import API, MAINTENANCE, PROCESS, TEMPLATE, BuiltArtifact, build
from orderstream.deploy.parameters import document
from orderstream.deploy.rendering import rendered
from orderstream.deploy.target import DeployTarget, environment_for
from orderstream.errors import DeploymentError
from orderstream.project.current import current_project
from orderstream.sdk.errors import translate_errors

LINES_OF_SAM = 15
_AS_JSON = "template.json"


def build_all(
    place: DeployTarget, parameters: Mapping[str, str], work_dir: Path
) -> tuple[BuiltArtifact, ...]:
    """Build the artifacts for these parameters in `work_dir`, next to a copy of the template.

    Raises OrderstreamError.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    project = current_project()
    # A mistake in the model is reported before anything is built.
    template = rendered(document(TEMPLATE))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # SAM CLI would zip the folder again for each function that has its code.
            resource["Properties"]["CodeUri"] += ".zip"
    # SAM CLI resolves CodeUri from the template's folder. It reads the template seven times, and YAML slowly.
    (work_dir / _AS_JSON).write_text(json.dumps(template))
    built = [build(PROCESS, work_dir / PROCESS.code_uri, place.platform, project)]
    for artifact, parameter in ((MAINTENANCE, "ArchiveMaintenance"), (API, "HttpApi")):
        folder = work_dir / artifact.code_uri
        if parameters[parameter] != "none":
            built.append(build(artifact, folder, place.platform, project))
        else:
            # Not deployed in this case, but SAM CLI packages whatever the template names, and DuckDB is
            # large.
            folder.mkdir(parents=True)
            (folder / "README").write_text(f"Not built, and not deployed: {parameter} is none.\n")
    for artifact in (PROCESS, MAINTENANCE, API):
        zip_folder(work_dir / artifact.code_uri)
    return tuple(built)


def zip_folder(folder: Path) -> None:
    """Zip a folder next to it; the same files make the same bytes."""
    with zipfile.ZipFile(f"{folder}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            # Lambda runs as another user than the one who owns the files.
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


def package(cloud: AwsClients, place: DeployTarget, stack: str, work_dir: Path) -> dict[str, Any]:
    """Upload the artifacts in `work_dir` with SAM CLI; return the template with their locations.

    Artifacts that exist under their hash are not uploaded again. Raises DeploymentError with the end of SAM
    CLI's output.
    """
    if place.code_bucket:
        with translate_errors("cannot make the bucket for artifacts"):
            # In the local cloud's region, creating a bucket that one already owns is not an error.
            cloud.s3.create_bucket(Bucket=place.code_bucket)
        where = ["--s3-bucket", place.code_bucket]
    else:
        where = ["--resolve-s3"]
    out = work_dir / "packaged.json"
    command = [sys.executable, "-m", "samcli", "package", *where, "--s3-prefix", stack]
    command += ["--template-file", _AS_JSON, "--use-json", "--output-template-file", out.name]
    command += ["--no-progressbar"]
    # SAM CLI leaves temporary folders behind: they are deleted with this one.
    folders = dict.fromkeys(("__SAM_CLI_APP_DIR", "TMPDIR"), os.fspath(work_dir.absolute()))
    telling = {"SAM_CLI_TELEMETRY": "0", **folders}
    if place.is_local:
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
    """The bucket that holds the code of a packaged template."""
    uri: str = template["Resources"]["ProcessOrders"]["Properties"]["CodeUri"]
    return uri.removeprefix("s3://").partition("/")[0]


def template_url(cloud: AwsClients, stack: str, template: Mapping[str, Any]) -> str:
    """Upload a packaged template next to its code, as it is too large for a request; return its URL."""
    body = json.dumps(template, sort_keys=True).encode()
    bucket = code_bucket_of(template)
    key = f"{stack}/{hashlib.sha256(body).hexdigest()[:32]}.template"
    with translate_errors(f"cannot put the template into s3://{bucket}"):
        cloud.s3.put_object(Bucket=bucket, Key=key, Body=body)
    return f"{cloud.s3.meta.endpoint_url}/{bucket}/{key}"

# SPDX-License-Identifier: GPL-3.0-only
"""Secrets that an operator adds: for every option of type secret, the content with one value in it, as words of `juju add-secret`."""
from __future__ import annotations

import base64
import io
import tarfile

REGION = "alpha"


def novarcs(password: str) -> str:
    """The base64 of novarcs.tar with the account of one region."""
    rc = (f"export OS_AUTH_URL=http://cloud.invalid:5000/v3\nexport OS_USERNAME=tester\nexport OS_PASSWORD='{password}'\nexport OS_PROJECT_NAME=tests\n"
          f"export OS_USER_DOMAIN_NAME=Default\nexport OS_PROJECT_DOMAIN_NAME=Default\nexport OS_REGION_NAME={REGION}\n").encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(f"{REGION}.rc")
        entry.size = len(rc)
        tar.addfile(entry, io.BytesIO(rc))
    return base64.b64encode(packed.getvalue()).decode()


CONTENTS = {
    "novarcs-secret": lambda value: [f"tar={novarcs(value)}"],
    "influxdb-secret": lambda value: ["username=pusher", f"password={value}"],
    "swift-secret": lambda value: [f"password={value}"],
    "public-swift-creds": lambda value: ["username=reader", f"password={value}"],
    "github-secrets": lambda value: [f"gzip={value}"],
    "github-status-credentials": lambda value: [f"robot={value}"],
    "external-web-requests-api-keys": lambda value: [f"britney={value}"],
}

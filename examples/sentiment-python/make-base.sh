#!/usr/bin/env bash
# Makes python-sklearn-base, the image that both Dockerfiles begin with where none can be pulled from a registry: Debian's
# own Python with scikit-learn. Needs mmdebstrap and root. An image that is there already stays as it is.
set -euo pipefail

name=${1:-python-sklearn-base}
if docker image inspect "$name" >/dev/null 2>&1; then
  echo "$name is there already"
  exit 0
fi

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mmdebstrap --quiet --variant=minbase --include=python3-sklearn \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
  --customize-hook='ln -s python3 "$1"/usr/bin/python' \
  "$suite" - |
  docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV PYTHONUNBUFFERED=1' \
    --change 'CMD ["python"]' \
    - "$name"

#!/usr/bin/env bash
# The tests in a real browser: Chromium, found on the PATH, named by BROWSER_PATH, or installed where apt-get may do that.
set -euo pipefail
cd "$(dirname "$0")/.."

find_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome || true; }

BROWSER_PATH=${BROWSER_PATH:-$(find_browser)}
if [ -z "$BROWSER_PATH" ] && [ "${CI:-}" = true ] && command -v apt-get > /dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium > /dev/null
  BROWSER_PATH=$(find_browser)
fi
if [ -z "$BROWSER_PATH" ]; then
  echo 'There is no Chromium here: install it, or name a browser in BROWSER_PATH.' >&2
  exit 3
fi
export BROWSER_PATH

npx vitest run --config test/browser/vitest.config.ts "$@"

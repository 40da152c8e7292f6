# What the tests need and a new machine lacks. Each function prints the path of the program, on standard error what it does.
# Downloads go through go, apt and npm only, and stay under ~/.cache/tidegate, one folder a version.

tidegate_cache=${TIDEGATE_CACHE:-$HOME/.cache/tidegate}
nats_server_version=v2.15.2

apt_install() {
  local apt=(apt-get -y -q -o DPkg::Lock::Timeout=180)
  command -v apt-get >/dev/null || { echo "install: no apt-get on this machine; install $1 by hand" >&2; return 1; }
  [[ $(id -u) == 0 ]] || { echo "install: run 'apt-get install $1' as root, then start again" >&2; return 1; }
  echo "install: $1 (apt)" >&2
  export DEBIAN_FRONTEND=noninteractive
  "${apt[@]}" install --no-install-recommends "$1" >&2 || {
    "${apt[@]}" update >&2
    "${apt[@]}" install --no-install-recommends "$1" >&2
  }
}

install_nats_server() {
  local folder=$tidegate_cache/nats-server-$nats_server_version
  if [[ ! -x $folder/nats-server ]]; then
    if command -v go >/dev/null; then
      echo "install: nats-server $nats_server_version (go install)" >&2
      mkdir -p "$folder"
      GOBIN=$folder go install "github.com/nats-io/nats-server/v2@$nats_server_version" >&2 || true
    fi
  fi
  if [[ -x $folder/nats-server ]]; then echo "$folder/nats-server"; return; fi
  command -v nats-server >/dev/null || apt_install nats-server || {
    echo "install: no nats-server: neither 'go install' nor Debian's package worked" >&2
    return 1
  }
  command -v nats-server
}

install_chromium() {
  command -v chromium >/dev/null || apt_install chromium || {
    echo "install: no chromium: the browser test needs Debian's package (or any, as \`chromium\` on the PATH)" >&2
    return 1
  }
  command -v chromium
}

install_npm_packages() { # FOLDER with a package-lock.json; installs only when the lock changed
  local stamp=$1/node_modules/.lock-sum sum
  command -v npm >/dev/null || { echo "install: the end-to-end tests need node >= 20 with npm" >&2; return 1; }
  sum=$(sha256sum <"$1/package-lock.json")
  [[ -f $stamp && $(<"$stamp") == "$sum" ]] && return
  echo "install: npm packages of $1 (npm ci)" >&2
  (cd "$1" && npm ci --no-audit --no-fund >&2) || return 1
  echo "$sum" >"$stamp"
}

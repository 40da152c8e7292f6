# What the tests need and a new machine lacks. A function for one program prints its path, and on standard error what it does.
# Downloads go through go, apt, mvn, npm and pip only, and stay under ~/.cache/tidegate, one folder a version.

tidegate_cache=${TIDEGATE_CACHE:-$HOME/.cache/tidegate}
nats_server_version=v2.15.2
kafka_version=4.3.1

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

install_redis_server() {
  command -v redis-server >/dev/null || apt_install redis-server || {
    echo "install: no redis-server: the Redis tests need Debian's package (or any, as \`redis-server\` on the PATH)" >&2
    return 1
  }
  command -v redis-server
}

install_kafka() { # prints the folder of its jars; whoever runs them needs java >= 17
  local folder=$tidegate_cache/kafka-$kafka_version
  command -v java >/dev/null || apt_install openjdk-17-jre-headless || return 1
  if [[ ! -f $folder/complete ]]; then
    command -v mvn >/dev/null || apt_install maven || return 1
    echo "install: kafka $kafka_version (mvn)" >&2
    mkdir -p "$folder"
    kafka_pom >"$folder/pom.xml"
    mvn -q -B -f "$folder/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
      -DoutputDirectory="$folder" -DincludeScope=runtime >&2 || {
      echo "install: no kafka: mvn could not bring its jars" >&2
      return 1
    }
    touch "$folder/complete"
  fi
  echo "$folder"
}

# The broker, its command-line tools, and a logger that writes to standard error.
kafka_pom() {
  cat <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidegate</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka_version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$kafka_version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
}

# All three servers, named in the environment for whoever runs next.
install_brokers() {
  TIDEGATE_TEST_NATS_SERVER=$(install_nats_server) || return 1
  TIDEGATE_TEST_REDIS_SERVER=$(install_redis_server) || return 1
  TIDEGATE_TEST_KAFKA_JARS=$(install_kafka) || return 1
  export TIDEGATE_TEST_NATS_SERVER TIDEGATE_TEST_REDIS_SERVER TIDEGATE_TEST_KAFKA_JARS
}

install_cpp_compiler() { # libFuzzer is C++
  command -v c++ >/dev/null || apt_install g++ || {
    echo "install: no C++ compiler: the fuzz targets need Debian's g++ (or any, as \`c++\` on the PATH)" >&2
    return 1
  }
}

install_chromium() {
  command -v chromium >/dev/null || apt_install chromium || {
    echo "install: no chromium: the browser test needs Debian's package (or any, as \`chromium\` on the PATH)" >&2
    return 1
  }
  command -v chromium
}

install_curl() {
  command -v curl >/dev/null || apt_install curl || {
    echo "install: no curl: its tests need Debian's package (or any with HTTP/2, as \`curl\` on the PATH)" >&2
    return 1
  }
  command -v curl
}

# A virtual environment with gql, Python's GraphQL client. Prints its python; installs only when the requirements changed.
install_python_client() {
  local requirements=e2e/python/requirements.txt version folder stamp sum
  version=$(sed -n 's/^gql==//p' "$requirements")
  folder=$tidegate_cache/gql-$version stamp=$folder/.requirements-sum
  sum=$(sha256sum <"$requirements")
  if [[ -x $folder/bin/python && -f $stamp && $(<"$stamp") == "$sum" ]]; then echo "$folder/bin/python"; return; fi
  command -v python3 >/dev/null || apt_install python3 || {
    echo "install: no python3: the tests of Python's gql need it (3.10 or newer, with venv)" >&2
    return 1
  }
  echo "install: gql $version (pip)" >&2
  # Debian's python3 comes without the half of venv that brings pip.
  python3 -m venv --clear "$folder" >&2 || { apt_install python3-venv && python3 -m venv --clear "$folder" >&2; } || {
    echo "install: no virtual environment for gql: python3 lacks venv; install python3-venv by hand" >&2
    return 1
  }
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2 || {
    echo "install: no gql: pip could not bring what $requirements names" >&2
    return 1
  }
  echo "$sum" >"$stamp"
  echo "$folder/bin/python"
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

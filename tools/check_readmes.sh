#!/bin/sh
# check_readmes.sh -- Every folder says what it is for; the public headers are all in the umbrella and
# in their folder's README; what documents name is there; the example in README.md compiles.
set -eu
cd "$(dirname "$0")/.."
failures=0

complain() {
    echo "$1"
    failures=$((failures + 1))
}

for folder in include/strandline base simulation storage index recovery engine crashtest \
    tools bench tests docs examples cmake; do
    [ -s "$folder/README.md" ] || complain "$folder has no README.md"
done
for path in include/strandline/*.h; do
    header=${path##*/}
    grep -q "\`$header\`" include/strandline/README.md ||
        complain "include/strandline/README.md does not mention $header"
    [ "$header" = strandline.h ] || [ "$header" = crash.h ] || # of another library
        grep -q "\"strandline/$header\"" include/strandline/strandline.h ||
        complain "strandline.h does not include $header"
done

# Paths that documents name in backquotes exist.
for document in README.md CONTRIBUTING.md docs/*.md docs/decisions/*.md */README.md \
    include/strandline/README.md; do
    [ -e "$document" ] || continue
    for path in $(grep -o '`[a-z_.]*/[A-Za-z0-9_./-]*`' "$document" | tr -d '`' | sort -u); do
        case $path in
        include/* | base/* | simulation/* | storage/* | index/* | recovery/* | engine/* | crashtest/* | \
            tools/* | bench/* | tests/* | docs/* | examples/* | cmake/* | .ci/*)
            [ -e "$path" ] || complain "$document names $path, which does not exist"
            ;;
        esac
    done
done

example=$(awk '/^```c$/ { is_inside = 1; next } /^```$/ { is_inside = 0 } is_inside' README.md)
[ -n "$example" ] || complain "README.md has no example"
printf '%s\n' '#include <inttypes.h>' '#include <stdio.h>' '#include <strandline/strandline.h>' \
    'int main(void) {' "$example" 'return 0; }' |
    "${CC:-cc}" -std=c99 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c - ||
    complain "the example in README.md does not compile"

[ "$failures" -eq 0 ]

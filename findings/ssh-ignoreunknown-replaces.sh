#!/usr/bin/env bash
# OpenSSH: IgnoreUnknown on the command line replaces the one in the configuration.
#
# Guessed before: a program that starts ssh for its user may add `-o IgnoreUnknown=SessionType`, so that an older ssh
# passes over an option that it does not know. Names of unknown options would add up with those that the user's own
# configuration tolerates, as identities and forwards do.
#
# Seen: as with most options the first value wins, and the command line comes first. The user's own IgnoreUnknown is
# gone, and a configuration that has worked for years (`IgnoreUnknown UseKeychain`, which shared dot-files have for
# macOS) is a fatal error on its next line. Such a program must ask ssh again without the option instead.
set -euo pipefail
version='1:9.2p1-2+deb12u10'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "openssh-client=$version"
dpkg -x openssh-client_*.deb root
ssh=$work/root/usr/bin/ssh
"$ssh" -V 2>&1

printf 'IgnoreUnknown UseKeychain\nUseKeychain yes\nUser somebody\n' >config

echo '-- the configuration alone'
alone=$("$ssh" -F config -G host.example | grep '^user ')
echo "$alone"
echo '-- and -o IgnoreUnknown=SessionType'
code=0
both=$("$ssh" -F config -o IgnoreUnknown=SessionType -G host.example 2>&1) || code=$?
echo "$both (exit $code)"

[[ $alone == 'user somebody' ]]
[[ $code = 255 && $both == *'Bad configuration option: usekeychain'* ]]
echo 'as it was found'

#!/usr/bin/env bash
# OpenSSH: MaxSessions 0 refuses every command and still forwards unix sockets; where a shared connection takes no
# further command, ssh logs in anew.
#
# Guessed before: `MaxSessions 0` closes a login for all use, so that a host which has it cannot be reached over ssh by
# a tool; and that with `MaxSessions 1` a second command over a shared connection fails while another one runs.
#
# Seen: with 0 the login succeeds and stays, a command is refused ("open failed"), and a unix socket forwarded over
# the same connection answers all the same: forwarded channels are no sessions. With 1 the second command is refused
# on the shared connection, and runs: ssh says so on stderr and opens a connection of its own, with a login that asks
# again for whatever it has to ask (a passphrase, a second factor). As soon as the first has ended the shared one takes
# the next. A tool that only needs a socket need not give up where no command can be run; one that runs two commands at
# once over a master may make its user log in twice.
#
# Needs root (sshd's own folder); the server listens on loopback, with keys of its own.
set -euo pipefail
version='1:9.2p1-2+deb12u10'

work=$(mktemp -d)
server=
finish() {
    "$work/root/usr/bin/ssh" -F "$work/config" -O exit host >/dev/null 2>&1 || true
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    wait || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
chmod 755 .
apt-get -qq -o APT::Sandbox::User=root download "openssh-client=$version" "openssh-server=$version" \
    busybox-static=1:1.35.0-4+deb12u1+b1
for package in *.deb; do dpkg -x "$package" root; done
ssh=$work/root/usr/bin/ssh
"$ssh" -V 2>&1
mkdir -p /run/sshd keys
for name in host user; do "$work/root/usr/bin/ssh-keygen" -q -t ed25519 -N '' -f "keys/$name"; done
cp keys/user.pub authorized
chmod 600 authorized

# A free port of loopback.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >config <<CONFIG
Host host
    HostName 127.0.0.1
    Port $port
    User $(id -un)
    IdentityFile $work/keys/user
    IdentitiesOnly yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
    ControlPath $work/control
CONFIG
serve() {
    [[ -z $server ]] || { kill "$server"; wait "$server" || true; }
    "$work/root/usr/sbin/sshd" -D -e -f /dev/null -p "$port" -o ListenAddress=127.0.0.1 -o "HostKey=$work/keys/host" \
        -o "AuthorizedKeysFile=$work/authorized" -o StrictModes=no -o PidFile=none -o UsePAM=no \
        -o LogLevel=INFO -o PermitRootLogin=prohibit-password -o "MaxSessions=$1" 2>sshd.log &
    server=$!
    for _ in $(seq 50); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return; sleep 0.1; done
}
login() { "$ssh" -F config -M -N -f "$@" host; }
on_it() { "$ssh" -F config -o ControlMaster=no host "$@" 2>&1; }
leave() { "$ssh" -F config -O exit host 2>/dev/null || true; rm -f forwarded; }

# Something that answers on a unix socket, once.
cat >answer.py <<'PYTHON'
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
connection, _ = listener.accept()
connection.sendall(b"the socket answers\n")
connection.close()
PYTHON
python3 answer.py "$work/real" &
ask() { python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(99).decode().strip() or "nothing")' "$work/forwarded"; }

echo '-- MaxSessions 0'
serve 0
login -L "$work/forwarded:$work/real"
code=0
refused=$(on_it true) || code=$?
echo "a command: ${refused:-nothing is said} (exit $code)"
answered=$(ask)
echo "a forwarded socket: $answered"
[[ $code != 0 && $answered == 'the socket answers' ]]
leave

echo '-- MaxSessions 1'
serve 1
login
on_it sleep 3 &
first=$!
sleep 1
code=0
logins() { grep -c 'Accepted publickey' sshd.log; }
before=$(logins)
second=$(on_it echo hello) || code=$?
more=$(($(logins) - before))
printf 'a second command beside a running one (exit %d, %d more login):\n%s\n' "$code" "$more" "$second"
[[ $code = 0 && $more = 1 && $second == *refused*hello ]]
wait "$first"
before=$(logins)
third=$(on_it echo hello)
echo "a third when the first has ended: $third ($(($(logins) - before)) more logins)"
[[ $third == hello && $(logins) = "$before" ]]
leave
echo 'as it was found'

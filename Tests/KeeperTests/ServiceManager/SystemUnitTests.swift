import Glibc
import Testing

/// The system's units of `contrib/systemd` in a system that was booted for them.
@Suite(.serialized, requires(.system), requires("jq", "bash"))
struct SystemUnitTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private static let installed = #"""
        must "$REPOSITORY/contrib/install" --prefix /usr/local --executables "$BIN" --systemd system >/dev/null
        must systemd-sysusers
        must systemctl daemon-reload
        mkdir -p /etc/keeper
        # Sessions are the user keeper's, in that user's directory.
        unset KEEPER_SESSIONS_DIR
        k() { as keeper keeperctl "$@"; }
        child() { k status --json "$1" | jq .child.pid; }
        state_is() { [[ $(k status --json "$1" | jq -r .state) == "$2" ]]; }
        active() { [[ $(property "$1" ActiveState) == active ]]; }

        """#

    private func run(_ script: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try ServiceManager.system.run(box, Self.installed + script, sourceLocation: sourceLocation)
    }

    @Test("a command of keeper@ and keeper-resilient@ may read, use the network and write its own directory")
    func sandbox() throws {
        try run(
            #"""
            cat >/usr/local/bin/command <<'END'
            for file in /etc/x /usr/x /boot/x /home/x /root/x "$HOME/x" /tmp/x; do
                (: >"$file") 2>/dev/null && echo "writes $file"
            done
            for file in /root/. /home/. /dev/tty0 /proc/1/environ; do
                ls "$file" >/dev/null 2>&1 && echo "sees $file"
            done
            while read -r name value; do
                case $name in CapEff: | CapBnd: | NoNewPrivs: | Seccomp:) echo "$name $value" ;; esac
            done </proc/self/status
            mount -t tmpfs x /mnt 2>/dev/null && echo mounts
            (: </dev/tcp/127.0.0.1/1) 2>&1 | grep -o 'Connection refused' | head -n 1
            id -un; pwd; umask
            exec cat
            END
            common=$'CapEff: 0000000000000000\nCapBnd: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2
            Connection refused\nkeeper\n/var/lib/keeper\n0077'
            for id in keeper keeper-resilient; do
                echo '{"command":["bash","/usr/local/bin/command"]}' >"/etc/keeper/$id.json"
                must systemctl start "$id@$id"
                said() { [[ $(k logs "$id") == *0077 ]]; }
                eventually said
                writes=$'writes /var/lib/keeper/x\n'
                [[ $id == keeper ]] && writes+=$'writes /tmp/x\n'
                is "$(k logs "$id")" "$writes$common"
                is "$(property "$id@$id" Slice)" keeper.slice
                has "$(k status "$id")" "unit:      $id@$id.service"
                must systemctl stop "$id@$id"
                is "$(property "$id@$id" Result)" success
                must state_is "$id" exited
            done
            # Its own /tmp, which goes with it.
            must test ! -e /tmp/x
            is "$(stat -c '%U %a' /var/lib/keeper)" 'keeper 700'
            as nobody ls /var/lib/keeper/.pi 2>/dev/null && fail 'others can look into it'
            """#)
    }

    @Test(
        "kill -9 of the keeper: keeper@ begins anew and leaves nothing, keeper-resilient@ goes on with its child"
    )
    func killed() throws {
        try run(
            #"""
            for id in keeper keeper-resilient; do
                echo '{"command":["bash","-c","env -i setsid sleep 4567 & exec cat"]}' >"/etc/keeper/$id.json"
                must systemctl start "$id@$id"
            done
            hidden() { [[ $(pgrep -cf '^sleep 4567$') == "$1" ]]; }
            eventually hidden 2
            replaced() {
                [[ $(property "$id@$id" MainPID) != "$before" ]] && active "$id@$id" && state_is "$id" running
            }
            for id in keeper keeper-resilient; do
                child=$(child "$id") before=$(property "$id@$id" MainPID)
                sleeper=$(pgrep -f '^sleep 4567$' | while read -r pid; do
                    grep -q "$id@" "/proc/$pid/cgroup" && echo "$pid"
                done)
                kill -9 "$before"
                eventually replaced
                must k write "$id" hello
                answered() { [[ $(k logs "$id") == *hello ]]; }
                eventually answered
                if [[ $id == keeper ]]; then
                    lives "$child" && fail 'its child lives'
                    lives "$sleeper" && fail 'what its child has started lives'
                else
                    is "$(child "$id")" "$child"
                    must lives "$sleeper"
                    has "$(k events "$id")" recovered
                fi
            done
            eventually hidden 2
            must systemctl stop keeper@keeper keeper-resilient@keeper-resilient
            must hidden 0
            """#)
    }

    @Test(
        "keeper-sync@: without a manager of the user keeper's own its sessions are part of it, and outlive it"
    )
    func sync() throws {
        try run(
            #"""
            mkdir -p /srv/workers
            printf '#!/bin/bash\nexec cat\n' >/srv/workers/one
            chmod +x /srv/workers/one
            started() { [[ $(k ls -q) == one ]]; }
            must systemctl start keeper-sync@srv-workers
            eventually started
            child=$(child one)
            has "$(k status one)" 'cgroup:    /keeper.slice/keeper-sync@srv-workers.service'
            must systemctl restart keeper-sync@srv-workers
            must systemctl stop keeper-sync@srv-workers
            is "$(child one)" "$child"
            must lives "$child"
            must k kill one
            # With one they are in units of that.
            must loginctl enable-linger keeper
            eventually active "user@$(id -u keeper)"
            must systemctl start keeper-sync@srv-workers
            eventually started
            has "$(k status one)" 'unit:      keeper-one.service'
            has "$(<"/proc/$(child one)/cgroup")" "user@$(id -u keeper).service/keeper.slice/keeper-one.service"
            must systemctl stop keeper-sync@srv-workers
            must lives "$(child one)"
            """#)
    }

    @Test("keeper-watch@ restarts a session of the user keeper; the timer finds one whose keeper has died")
    func watchAndDiscover() throws {
        try run(
            #"""
            mkdir /srv/source
            echo '{"command":["cat"]}' >/etc/keeper/a.json
            echo "KEEPER_WATCH=--debounce 10ms a=/srv/source" >/etc/keeper/dev.watch
            mkdir -p /etc/systemd/system/{keeper@a.service,keeper-discover.timer}.d
            printf '[Service]\nRestart=no\n' >/etc/systemd/system/keeper@a.service.d/test.conf
            printf '[Timer]\nOnBootSec=\nOnActiveSec=100ms\nAccuracySec=1ms\n' \
                >/etc/systemd/system/keeper-discover.timer.d/test.conf
            must systemctl daemon-reload
            must systemctl start keeper@a keeper-watch@dev
            before=$(child a) round=0
            # Until the watcher has begun to watch nothing comes of it.
            restarted() { ((round++ % 20)) || date >/srv/source/file; [[ $(child a) != "$before" ]]; }
            eventually restarted
            must systemctl stop keeper-watch@dev
            kill -9 "$(property keeper@a MainPID)"
            must systemctl start keeper-discover.timer
            eventually state_is a lost
            done_with() { [[ $(property keeper-discover.service ActiveState) == inactive ]]; }
            eventually done_with
            is "$(property keeper-discover.service Result)" success
            """#)
    }

    @Test(
        "keeper-gateway serves the user keeper's sessions: at its socket to that user and root, at its port by token",
        requires("curl"))
    func gateway() throws {
        try run(
            #"""
            must systemctl start keeper-gateway.socket
            socket=/run/keeper-gateway.sock
            is "$(stat -c '%U %a' "$socket")" 'keeper 600'
            is "$(curl -sS --unix-socket "$socket" http://keeper/healthz | jq -r .status)" ok
            is "$(as keeper curl -sS --unix-socket "$socket" http://keeper/healthz | jq -r .status)" ok
            as nobody curl -sS --unix-socket "$socket" http://keeper/healthz 2>/dev/null && fail 'another user is served'
            url=http://127.0.0.1:8377
            is "$(curl -s -o /dev/null -w '%{http_code}' "$url/healthz")" 401
            token=$(k gateway --show-token)
            is "$(curl -sS -H "Authorization: Bearer $token" "$url/api/v1/sessions")" '[]'
            must curl -sS --fail -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
                -d '{"sessionId":"a","command":["cat"]}' "$url/api/v1/sessions"
            pid=$(child a)
            must systemctl stop keeper-gateway.service
            is "$(property keeper-gateway.service Result)" success
            must k write a hello
            is "$(curl -sS --unix-socket "$socket" http://keeper/api/v1/sessions/a | jq .child.pid)" "$pid"
            must k kill a
            """#)
    }
}

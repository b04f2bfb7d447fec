import Glibc
import Testing

/// The units of `contrib/systemd`, as `contrib/install` installs them.
@Suite(.serialized, requires(.user), requires("jq", "bash", "systemd-analyze"))
struct UnitTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private static let installed = #"""
        must "$REPOSITORY/contrib/install" --prefix "$HOME/.local" --executables "$BIN" --systemd user >/dev/null
        must systemctl --user daemon-reload
        mkdir -p "$HOME/.config/keeper"
        # Further settings of a unit.
        amend() {
            mkdir -p "$HOME/.config/systemd/user/$1.d"
            cat >"$HOME/.config/systemd/user/$1.d/test.conf"
            must systemctl --user daemon-reload
        }

        """#

    private func run(_ script: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try ServiceManager.user.run(box, UnitTests.installed + script, sourceLocation: sourceLocation)
    }

    @Test("systemd finds nothing wrong with any unit, and the system's sessions are not exposed")
    func verified() throws {
        try run(
            #"""
            must "$REPOSITORY/contrib/install" --prefix "$BOX/p" --executables "$BIN" --systemd system >/dev/null
            is "$(systemd-analyze --user verify --man=no "$HOME/.local/share/systemd/user"/* 2>&1)" ''
            cd "$BOX/p/lib/systemd/system"
            is "$(systemd-analyze verify --man=no ./* 2>&1)" ''
            must systemd-analyze security --offline=true --threshold=40 ./keeper@.service ./keeper-resilient@.service ./keeper-gateway.service >"$BOX/security"
            is "$(find . "$HOME/.local/share/systemd/user" -type f | wc -l)" 18
            must systemd-sysusers --dry-run "$BOX/p/lib/sysusers.d/keeper.conf"
            """#)
    }

    @Test("keeper@ID is started when the session is ready, shows what it does, and ends it in order")
    func service() throws {
        try run(
            #"""
            echo '{"command":["bash","-c","echo \"$GREETING\"; exec cat"],"env":{"GREETING":"hi"},"labels":{"app":"x"},
                "ready":"line:ping","mergeStderr":true,"journalSize":"128K"}' >"$HOME/.config/keeper/a-b.json"
            must systemctl --user start keeper@a-b
            # As told: it has answered.
            answered() { [[ $(keeperctl logs a-b) == $'hi\nping' ]]; }
            eventually answered
            is "$(property keeper@a-b StatusText)" "running, child PID $(child_of a-b)"
            is "$(property keeper@a-b MainPID)" "$(keeper_of a-b)"
            is "$(unit_of a-b)" keeper@a-b.service
            is "$(jq -r .labels.app "$KEEPER_SESSIONS_DIR/a-b.d/status.json")" x
            is "$(property keeper@a-b WatchdogUSec)" 2min
            must systemctl --user stop keeper@a-b
            is "$(property keeper@a-b Result)" success
            # End-of-file or the signal, whichever the command acts on first.
            is "$(jq -r .state "$KEEPER_SESSIONS_DIR/a-b.d/status.json")" exited
            has "$(keeperctl events a-b)" stopping
            # One that can't be started fails, with the reason; one that is soon over does not.
            echo '{"command":["false"]}' >"$HOME/.config/keeper/b.json"
            systemctl --user start keeper@b 2>/dev/null && fail 'it started'
            is "$(property keeper@b StatusText)" 'failed: ended before it was ready: exit 1'
            echo '{"command":["true"]}' >"$HOME/.config/keeper/c.json"
            must systemctl --user start keeper@c
            systemctl --user start keeper@none 2>/dev/null && fail 'it started'
            is "$(property keeper@none ExecMainStatus)" 3
            """#)
    }

    @Test("a keeper that hangs or is killed is replaced by its manager; one that works is left alone")
    func watchdog() throws {
        try run(
            #"""
            amend keeper@a.service <<<$'[Service]\nWatchdogSec=600ms\nTimeoutAbortSec=100ms\nRestartSec=1ms'
            echo '{"command":["cat"]}' >"$HOME/.config/keeper/a.json"
            must systemctl --user start keeper@a
            first=$(property keeper@a MainPID)
            before=$(property keeper@a WatchdogTimestampMonotonic)
            eventually eval '(($(property keeper@a WatchdogTimestampMonotonic) > before + 2000000))'
            is "$(property keeper@a MainPID)" "$first"
            # Another binary in the same process goes on with it.
            must keeperctl upgrade a
            before=$(property keeper@a WatchdogTimestampMonotonic)
            eventually eval '(($(property keeper@a WatchdogTimestampMonotonic) > before + 2000000))'
            is "$(property keeper@a MainPID)" "$first"
            is "$(unit_of a)" keeper@a.service
            kill -STOP "$first"
            eventually eval '[[ $(property keeper@a NRestarts) == 1 && $(property keeper@a ActiveState) == active ]]'
            second=$(property keeper@a MainPID)
            is "$(keeper_of a)" "$second"
            kill -KILL "$second"
            eventually eval '[[ $(property keeper@a NRestarts) == 2 && $(property keeper@a ActiveState) == active ]]'
            must keeperctl write a hello
            eventually eval '[[ $(keeperctl logs a) == hello ]]'
            is "$(systemctl --user --no-legend list-units --state=failed)" ''
            """#)
    }

    @Test("the timer clears away what dead keepers leave")
    func timer() throws {
        try run(
            #"""
            must keeperctl spawn --isolate systemd a -- cat
            must keeperctl spawn --isolate systemd old -- true
            must keeperctl wait old
            kill -KILL "$(keeper_of a)"
            amend keeper-discover.timer <<<$'[Timer]\nOnStartupSec=\nOnActiveSec=100ms\nAccuracySec=1ms'
            must systemctl --user start keeper-discover.timer
            eventually eval '[[ $(jq -r .state "$KEEPER_SESSIONS_DIR/a.d/status.json") == lost ]]'
            eventually eval '[[ $(property keeper-discover.service ActiveState) == inactive ]]'
            is "$(property keeper-discover.service Result)" success
            # A month is not over.
            must test -e "$KEEPER_SESSIONS_DIR/old.d/status.json"
            """#)
    }

    @Test("keeper-sync@ starts a directory's sessions, each in its own unit, and they outlive it")
    func sync() throws {
        try run(
            #"""
            mkdir "$BOX/my workers"
            printf '#!/usr/bin/env bash\nexec cat\n' >"$BOX/my workers/one"
            chmod +x "$BOX/my workers/one"
            unit=keeper-sync@$(systemd-escape --path "$BOX/my workers").service
            must systemctl --user start "$unit"
            eventually test -e "$KEEPER_SESSIONS_DIR/one.d/status.json"
            is "$(unit_of one)" keeper-one.service
            cp "$BOX/my workers/one" "$BOX/my workers/two"
            eventually eval '[[ $(keeperctl ls -q) == *two* ]]'
            child=$(child_of one)
            must systemctl --user restart "$unit"
            rm "$BOX/my workers/two"
            eventually eval '[[ $(keeperctl ls -q) == one ]]'
            must systemctl --user stop "$unit"
            is "$(child_of one)" "$child"
            must keeperctl write one hello
            """#)
    }

    @Test("keeper-watch@ restarts a session when its files change")
    func watch() throws {
        try run(
            #"""
            mkdir "$BOX/source"
            must keeperctl spawn --isolate systemd --wait ready api -- cat
            echo "KEEPER_WATCH=--debounce 10ms api=$BOX/source" >"$HOME/.config/keeper/dev.watch"
            must systemctl --user start keeper-watch@dev
            before=$(child_of api) round=0
            # Until the watcher has begun to watch nothing comes of it.
            eventually eval '((round++ % 20 == 0)) && date >"$BOX/source/file"; [[ $(child_of api) != "$before" ]]'
            must systemctl --user stop keeper-watch@dev
            """#)
    }

    @Test(
        "keeper-gateway is started by its first client and ends when none is left; sessions outlive it",
        requires("curl"))
    func gateway() throws {
        try run(
            #"""
            amend keeper-gateway.socket <<<$'[Socket]\nListenStream=\nListenStream=%t/keeper-gateway.sock'
            ask() { curl -sS --fail --unix-socket "$XDG_RUNTIME_DIR/keeper-gateway.sock" "http://keeper$1" "${@:2}"; }
            must systemctl --user start keeper-gateway.socket
            is "$(property keeper-gateway.service ActiveState)" inactive
            is "$(ask /healthz | jq -r .status)" ok
            is "$(property keeper-gateway.service ActiveState)" active
            is "$(property keeper-gateway.service MainPID)" "$(jq .pid "$KEEPER_SESSIONS_DIR/.gateway/gateway.json")"
            is "$(jq -r .socket "$KEEPER_SESSIONS_DIR/.gateway/gateway.json")" "$XDG_RUNTIME_DIR/keeper-gateway.sock"
            must ask /api/v1/sessions -H 'Content-Type: application/json' -d '{"sessionId":"a","command":["cat"]}'
            is "$(unit_of a)" keeper-a.service
            # What the manager said to the gateway is not for others.
            lacks "$(tr '\0' '\n' <"/proc/$(child_of a)/environ")" LISTEN_
            # One that a session stays in the unit of is left alone as well.
            must ask /api/v1/sessions -H 'Content-Type: application/json' \
                -d '{"sessionId":"b","command":["cat"],"isolate":"none"}'
            lacks "$(tr '\0' '\n' <"/proc/$(keeper_of b)/environ")" LISTEN_
            lacks "$(tr '\0' '\n' <"/proc/$(keeper_of b)/environ")" NOTIFY_SOCKET
            first=$(property keeper-gateway.service MainPID)
            must systemctl --user restart keeper-gateway.service
            [[ $(property keeper-gateway.service MainPID) != "$first" ]] || fail 'it is the same'
            is "$(property keeper-gateway.service Result)" success
            must keeperctl write a hello
            must keeperctl write b hello
            must systemctl --user stop keeper-gateway.service
            is "$(ask /healthz | jq -r .status)" ok
            gateway=$(command -v keeperctl)
            amend keeper-gateway.service <<<$'[Service]\nExecStart=\nExecStart='"$gateway gateway --idle-exit 100ms"
            must systemctl --user restart keeper-gateway.service
            eventually eval '[[ $(property keeper-gateway.service ActiveState) == inactive ]]'
            is "$(property keeper-gateway.service Result)" success
            is "$(ask /healthz | jq -r .status)" ok
            """#)
    }
}

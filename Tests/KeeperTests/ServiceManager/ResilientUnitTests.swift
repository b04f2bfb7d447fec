import Glibc
import Testing

/// `keeper-resilient@.service` under a real service manager.
@Suite(.serialized, requires(.user), requires("jq", "bash"))
struct ResilientUnitTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private static let installed = #"""
        must "$REPOSITORY/contrib/install" --prefix "$HOME/.local" --executables "$BIN" --systemd user >/dev/null
        must systemctl --user daemon-reload
        mkdir -p "$HOME/.config/keeper"
        unit=keeper-resilient@a
        state_is() { [[ $(jq -r .state "$KEEPER_SESSIONS_DIR/a.d/status.json") == "$1" ]]; }
        active() { [[ $(property $unit ActiveState) == active ]]; }
        # The keeper dies, and another one has taken over.
        replace() {
            local before
            before=$(keeper_of a)
            kill -9 "$before"
            other() { [[ $(keeper_of a) != "$before" ]] && active && keeperctl status a; }
            eventually other
        }

        """#

    private func run(_ script: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try ServiceManager.user.run(
            box, ResilientUnitTests.installed + script, sourceLocation: sourceLocation)
    }

    @Test("kill -9 ten times in a row under load: same child, next line arrives, journal continuous")
    func tenTimes() throws {
        try run(
            #"""
            mkfifo "$BOX/tick"
            cat >"$HOME/.config/keeper/a.json" <<END
            {"command":["bash","-c","for i in {0..9}; do seq \$((i * 100000 + 1)) \$(((i + 1) * 100000)); read -r x <$BOX/tick; done & exec cat >&2"]}
            END
            must systemctl --user start $unit
            child=$(child_of a)
            for i in {1..10}; do
                echo >"$BOX/tick" &
                must keeperctl write a "line $i"
                # Live at each look.
                ( for _ in {1..20}; do keeperctl discover --json; done >"$BOX/seen.$i" ) &
                looking=$!
                replace
                must wait $looking
                is "$(jq -r .state "$BOX/seen.$i" | sort -u)" running
            done
            is "$(child_of a)" "$child"
            must lives "$child"
            journal() { cat "$KEEPER_SESSIONS_DIR"/a.d/stdout.0*.log; }
            whole() { [[ $(journal | tail -n 1) == 1000000 ]]; }
            eventually whole
            must cmp <(journal) <(seq 1000000)
            lines() { [[ $(keeperctl logs --stderr a) == "$(printf 'line %s\n' {1..10})" ]]; }
            eventually lines
            is "$(jq -r 'select(.event == "recovered") | .pid' "$KEEPER_SESSIONS_DIR/a.d/events.jsonl" | wc -l)" 10
            is "$(property $unit NRestarts)" 10
            must systemctl --user stop $unit
            is "$(property $unit Result)" success
            """#)
    }

    @Test("what hides from a keeper that came later is still in the child's control group, and ended with it")
    func controlGroup() throws {
        try run(
            #"""
            # A daemon without the session's variables, whose parent was not below the keeper that has to end it.
            cat >"$HOME/.config/keeper/a.json" <<'END'
            {"command":["bash","-c","(trap '' TERM; exec env -i setsid sleep 4321) & exec cat"]}
            END
            must systemctl --user start $unit
            group_of() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
            hidden() { pgrep -f '^sleep 4321$' >/dev/null; }
            eventually hidden
            daemon=$(pgrep -f '^sleep 4321$')
            is "$(group_of "$daemon")" "$(group_of "$(keeper_of a)")/session"
            is "$(group_of "$(child_of a)")" "$(group_of "$(keeper_of a)")/session"
            replace
            is "$(group_of "$daemon")" "$(group_of "$(keeper_of a)")/session"
            must keeperctl kill a
            lives "$daemon" && fail 'the daemon lives'
            is "$(property $unit Result)" success

            # Faster than one could kill them one by one.
            cat >"$HOME/.config/keeper/a.json" <<'END'
            {"command":["bash","-c","trap '' TERM; f() { trap '' TERM; while :; do f & disown; sleep 0.05; exit; done; }; f & f & f & exec cat"]}
            END
            must systemctl --user start $unit
            many() { (( $(wc -l <"/sys/fs/cgroup/unified$(group_of "$(child_of a)")/cgroup.procs" || wc -l <"/sys/fs/cgroup$(group_of "$(child_of a)")/cgroup.procs") > 3 )); }
            eventually many 2>/dev/null
            left=$(group_of "$(child_of a)")
            must keeperctl kill a
            is "$(cat "/sys/fs/cgroup/unified$left/cgroup.procs" "/sys/fs/cgroup$left/cgroup.procs" 2>/dev/null)" ''
            """#)
    }

    @Test(
        "a child that dies in the pause has ended unknown; stop ends the session in order, restart begins another"
    )
    func life() throws {
        try run(
            #"""
            mkdir -p "$HOME/.config/systemd/user/$unit.service.d"
            printf '[Service]\nRestartSec=1s\n' >"$HOME/.config/systemd/user/$unit.service.d/test.conf"
            must systemctl --user daemon-reload
            echo '{"command":["bash","-c","trap \"echo bye; exit 0\" TERM; sleep 1000 & while :; do wait; done"],
                "restart":"on-failure"}' >"$HOME/.config/keeper/a.json"
            must systemctl --user start $unit
            child=$(child_of a)
            keeper=$(keeper_of a)
            kill -9 "$keeper"
            kill -9 "$child"
            again() { [[ $(child_of a) != "$child" ]] && state_is running; }
            eventually again
            is "$(jq -c 'select(.event == "exited") | .unknown' "$KEEPER_SESSIONS_DIR/a.d/events.jsonl")" true

            instance=$(jq -r .instance "$KEEPER_SESSIONS_DIR/a.d/status.json")
            must systemctl --user restart $unit
            eventually state_is running
            [[ $(jq -r .instance "$KEEPER_SESSIONS_DIR/a.d/status.json") != "$instance" ]] || fail 'the same session'
            has "$(keeperctl logs --previous a)" bye

            replace
            child=$(child_of a)
            must systemctl --user stop $unit
            is "$(property $unit Result)" success
            is "$(property $unit NFileDescriptorStore)" 0
            must state_is exited
            lives "$child" && fail 'the child lives'
            has "$(keeperctl logs a)" bye
            pgrep -f '^sleep 1000$' >/dev/null && fail 'its child lives'
            is "$(keeperctl ls)" "$(keeperctl ls | head -n 1)"
            """#)
    }

    @Test("a unit that is given up, or stopped while it has no keeper, leaves nothing of its command")
    func givenUp() throws {
        try run(
            #"""
            mkdir -p "$HOME/.config/systemd/user/$unit.service.d"
            limit() {
                printf '[Unit]\nStartLimitBurst=%s\n[Service]\nRestartSec=%s\n' "$1" "$2" \
                    >"$HOME/.config/systemd/user/$unit.service.d/test.conf"
                must systemctl --user daemon-reload
            }
            # Neither the end of its input nor SIGTERM ends it.
            echo '{"command":["bash","-c","trap \"\" TERM; while :; do read -r -t 1; done"]}' \
                >"$HOME/.config/keeper/a.json"
            gone() { ! lives "$child"; }

            limit 2 100ms
            must systemctl --user start $unit
            child=$(child_of a)
            replace
            kill -9 "$(keeper_of a)"
            given_up() { [[ $(property $unit ActiveState) == failed ]]; }
            eventually given_up
            eventually gone
            eventually state_is lost

            limit 30 1h
            must systemctl --user reset-failed $unit
            must systemctl --user start $unit
            child=$(child_of a)
            kill -9 "$(keeper_of a)"
            waiting() { [[ $(property $unit SubState) == auto-restart ]]; }
            eventually waiting
            lives "$child" || fail 'the child went with its keeper'
            must systemctl --user stop $unit
            eventually gone
            eventually state_is lost
            """#)
    }

    @Test("what hides in a control group of its own below the child's is ended as well")
    func nestedGroup() throws {
        try run(
            #"""
            cat >"$BOX/child" <<'END'
            for root in /sys/fs/cgroup/unified /sys/fs/cgroup; do
                group=$root$(sed -n 's/^0:://p' /proc/self/cgroup)/inner
                mkdir "$group" && break
            done
            # As a container's first process: nothing of it says whose it is.
            ( echo 0 >"$group/cgroup.procs"; trap '' TERM; exec env -i setsid sleep 5432 ) &
            exec cat
            END
            echo "{\"command\":[\"bash\",\"$BOX/child\"]}" >"$HOME/.config/keeper/a.json"
            must systemctl --user start $unit
            hidden() { pgrep -f '^sleep 5432$' >/dev/null; }
            eventually hidden
            has "$(cat "/proc/$(pgrep -f '^sleep 5432$')/cgroup")" /session/inner
            replace
            must keeperctl kill a
            hidden && fail 'it lives'
            is "$(property $unit Result)" success
            """#)
    }
}

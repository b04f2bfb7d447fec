import Glibc
import Testing

/// `--isolate`: starting through a service manager is like starting directly.
@Suite(.serialized, requires(.user), requires("jq", "bash"))
struct IsolationTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("messages, exit statuses, waiting and run are the same with a unit as without")
    func sameBehaviour() throws {
        try ServiceManager.user.run(
            box,
            #"""
            service dashboard <<'END'
            try() { "$@" >"$BOX/output" 2>&1; echo "exit $?"; grep -v warning: "$BOX/output"; }
            all() {
                mode=$1
                export KEEPER_SESSIONS_DIR=$BOX/$mode
                spawn() { keeperctl spawn --isolate "$mode" "$@"; }
                try spawn ready --wait ready -- cat
                try spawn ready -- cat
                try spawn missing -- /no/such/command
                try spawn missing --wait none -- /no/such/command
                eventually() { until "$@"; do sleep 0.02; done; }
                eventually grep -q exec "$BOX/$mode/keeper-launch-missing.log"
                grep -v warning: "$BOX/$mode/keeper-launch-missing.log"
                try spawn forbidden -- /etc/passwd
                try spawn early --wait ready -- bash -c 'exit 3'
                try spawn early --wait ready -- true
                try spawn nowhere --cwd /no/such/place -- cat
                try spawn bad --max-line 0 -- cat
                try keeperctl run --isolate "$mode" r -- bash -c 'echo out; echo err >&2; exit 5'
                printf 'b\na\n' | try keeperctl run --isolate "$mode" -- sort
                try keeperctl run --isolate "$mode" -- /no/such/command
                try keeperctl kill ready
                try spawn ready -- cat
                ls -A "$BOX/$mode" | grep -v '^\.lock$'
            }
            all none >"$BOX/none.txt"
            all systemd >"$BOX/systemd.txt"
            all auto >"$BOX/auto.txt"
            END
            must systemctl --user start dashboard
            # What differs is the warning, and which process a keeper is.
            for mode in none systemd auto; do
                sed -i -e 's/keeper PID [0-9]*/keeper PID N/' -e "s,$BOX/$mode,DIR," "$BOX/$mode.txt"
            done
            must diff "$BOX/none.txt" "$BOX/systemd.txt"
            must diff "$BOX/none.txt" "$BOX/auto.txt"
            has "$(<"$BOX/auto.txt")" $'exit 5\nkeeperctl: session ready is already running, keeper PID N\n'
            has "$(<"$BOX/auto.txt")" $'exit 127\nkeeperctl: '
            is "$(keeperctl spawn --isolate systemd late --wait ready --ready delay:1h --timeout 4s -- cat 2>&1; echo $?)" \
                $'keeperctl: session late: not ready in time; it goes on, see \'keeperctl status\'\n4'
            """#)
    }

    @Test(
        "environment, arguments, directory, mask and limits arrive as they are; the manager sees no secrets")
    func whatArrives() throws {
        try ServiceManager.user.run(
            box,
            #"""
            service dashboard <<'END'
            mkdir "$BOX/a \$HOME %n"
            cd "$BOX/a \$HOME %n"
            umask 0027
            ulimit -S -n 333
            ulimit -S -c 7
            export SECRET=hush ODD=$'a\nb\xff' NOTIFY_SOCKET=/no/such/socket WATCHDOG_USEC=1000
            for mode in none systemd; do
                keeperctl spawn --isolate $mode $mode -- bash -c '
                    printf "%s|" "$@"; pwd; umask; ulimit -n; ulimit -H -n; ulimit -c; printf "%s" "$ODD" | od -c
                    echo "$SECRET ${NOTIFY_SOCKET-none} ${WATCHDOG_USEC-none} ${SYSTEMD_EXEC_PID-none} $0"
                    exec cat' bash '$HOME' '%n' 'a  b' '' $'\xff' '\x41;' '"' "it's"
            done
            cp "$(systemctl --user show -p FragmentPath --value keeper-systemd.service)" "$BOX/unit"
            END
            must systemctl --user start dashboard
            for mode in none systemd; do eventually eval "keeperctl logs $mode | grep -a 'hush none none none'"; done
            must diff -a <(keeperctl logs none) <(keeperctl logs systemd)
            has "$(keeperctl logs systemd | tr -d '\377')" "\$HOME|%n|a  b|||\\x41;|\"|it's|$BOX/a \$HOME %n"$'\n0027\n333\n'
            has "$(<"$BOX/unit")" start-file
            lacks "$(<"$BOX/unit"; systemctl --user show keeper-systemd.service)" hush
            lacks "$(ls -A "$KEEPER_SESSIONS_DIR")" .start
            lacks "$(ls -A "$KEEPER_SESSIONS_DIR")" .report
            """#)
    }

    @Test("limits and properties are the unit's, and its name is the escaped id")
    func properties() throws {
        try ServiceManager.user.run(
            box,
            #"""
            must keeperctl spawn --isolate systemd --memory-max 64M --cpu-quota 150 --tasks-max 20 \
                --property Nice=5 --property 'Environment=IGNORED=1' a-b@c+d -- cat
            unit=keeper-$(systemd-escape a-b@c+d).service
            is "$(unit_of a-b@c+d)" "$unit"
            is "$(property "$unit" MemoryMax)" 67108864
            is "$(property "$unit" CPUQuotaPerSecUSec)" 1.500000s
            is "$(property "$unit" TasksMax)" 20
            is "$(property "$unit" Nice)" 5
            is "$(property "$unit" Slice)" keeper.slice
            is "$(property "$unit" MainPID)" "$(keeper_of a-b@c+d)"
            has "$(property "$unit" StatusText)" "child PID $(child_of a-b@c+d)"
            # Such an option alone asks for a unit, too; one for a unit that must not be is a mistake.
            must keeperctl spawn --tasks-max 30 b -- cat
            is "$(property keeper-b.service TasksMax)" 30
            is "$(keeperctl spawn --isolate none --cpu-quota 50 c -- cat 2>&1; echo $?)" \
                $'keeperctl: '"'--isolate none' leaves no unit for --cpu-quota, --tasks-max and --property"$'\n2'
            is "$(keeperctl spawn --property NoSuch=1 c -- cat 2>&1; echo $?)" \
                $'keeperctl: start session c: systemd-run: Unknown assignment: NoSuch=1\n1'
            is "$(keeperctl ls -q)" $'a-b@c+d\nb'
            # Ended by its manager: in order.
            must systemctl --user stop keeper-b.service
            is "$(jq -r .state "$KEEPER_SESSIONS_DIR/b.d/status.json")" exited
            # What is left behind on purpose stays.
            must keeperctl spawn --isolate systemd --leftovers leave left -- bash -c \
                'setsid sleep 1000 & echo $! >"$0"; exec cat' "$BOX/left"
            eventually test -s "$BOX/left"
            must keeperctl eof left
            must keeperctl wait left
            eventually eval '[[ $(property keeper-left.service ActiveState) == inactive ]]'
            must kill "$(<"$BOX/left")"
            """#)
    }

    @Test(
        "a name that is taken is no obstacle: by a session in another directory, or by one that has just ended"
    )
    func takenNames() throws {
        try ServiceManager.user.run(
            box,
            #"""
            must keeperctl spawn --isolate systemd a -- cat
            must keeperctl --sessions-dir "$BOX/other" spawn --isolate systemd a -- cat
            other=$(jq -r .keeper.unit "$BOX/other/a.d/status.json")
            [[ $other == keeper-a-*.service ]] || fail "$other"
            is "$(property "$other" MainPID)" "$(<"$BOX/other/a.rpc.sock.pid")"
            for round in {1..15}; do
                must keeperctl kill --now a
                must keeperctl spawn --isolate systemd a -- cat
                [[ $(unit_of a) == keeper-a*.service ]] || fail "$(unit_of a)"
            done
            """#)
    }

    @Test("where no unit can be had the session still starts, and says what will become of it")
    func fallback() throws {
        try ServiceManager.user.run(
            box,
            #"""
            service dashboard <<'END'
            exec 2>"$BOX/said"
            XDG_RUNTIME_DIR=/nowhere keeperctl spawn a -- cat
            PATH=$BIN_ONLY keeperctl spawn b -- /bin/cat
            XDG_RUNTIME_DIR=/nowhere keeperctl spawn --isolate systemd c -- cat
            echo "$?" >&2
            XDG_RUNTIME_DIR=/nowhere keeperctl spawn --wait none d -- cat
            END
            mkdir "$BOX/bin"
            ln -s "$BIN"/keeper "$BIN"/keeperctl "$BOX/bin/"
            systemctl --user set-environment "BIN_ONLY=$BOX/bin"
            must systemctl --user start dashboard
            end='is part of dashboard.service and ends when that stops or is restarted (unless KillMode=process): '
            none="no service manager answers; 'keeperctl doctor' says what to do"
            is "$(<"$BOX/said")" "keeperctl: warning: session a $end$none
            keeperctl: warning: session b ${end}exec systemd-run: No such file or directory
            keeperctl: start session c: $none
            1"
            eventually test -e "$KEEPER_SESSIONS_DIR/d.rpc.sock.pid"
            has "$(<"$KEEPER_SESSIONS_DIR/keeper-launch-d.log")" "warning: session d $end$none"
            is "$(keeperctl ls -q)" $'a\nb\nd'
            """#)
    }

    @Test("fifty at once all get a unit, four at a time")
    func manyAtOnce() throws {
        try ServiceManager.user.run(
            box,
            #"""
            service dashboard <<'END'
            for i in {1..50}; do keeperctl spawn s$i -- cat & done 2>"$BOX/said"
            wait
            END
            must systemctl --user start dashboard
            is "$(<"$BOX/said")" ''
            is "$(keeperctl ls -q | wc -l)" 50
            is "$(cat "$KEEPER_SESSIONS_DIR"/*.d/status.json | jq -r .keeper.unit | sort -u | wc -l)" 50
            lacks "$(ls -A "$KEEPER_SESSIONS_DIR")" .start
            """#)
    }
}

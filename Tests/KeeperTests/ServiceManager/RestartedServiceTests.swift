import Testing

/// What the whole of it is for: a service that starts sessions is restarted, and they live on.
@Suite(.serialized, requires(.user), requires("jq", "bash"))
struct RestartedServiceTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("three sessions of a service that is restarted ten times under load: no line is lost")
    func restarts() throws {
        try ServiceManager.user.run(
            box,
            #"""
            service dashboard <<'END'
            for id in one two three; do keeperctl spawn "$id" -- cat; done 2>>"$BOX/said"
            echo started >>"$BOX/starts"
            END
            must systemctl --user start dashboard
            for id in one two three; do
                is "$(unit_of $id)" keeper-$id.service
                has "$(keeperctl status $id)" "unit:      keeper-$id.service"
                child_of $id >"$BOX/$id.child"
                # Lines without a pause until somebody says stop.
                { i=0; while [[ ! -e $BOX/stop ]]; do printf '%d\n' $((++i)) $((++i)) $((++i)) $((++i)); done; } |
                    tee "$BOX/$id.sent" | keeperctl write $id &
                eval "writer_$id=$!"
            done
            for round in {1..10}; do
                before=$(wc -l <"$BOX/one.sent")
                must systemctl --user restart dashboard
                # Under load: the writers went on meanwhile.
                eventually eval "((\$(wc -l <'$BOX/one.sent') > before))"
            done
            touch "$BOX/stop"
            is "$(wc -l <"$BOX/starts")" 11
            for id in one two three; do
                name=writer_$id
                must wait "${!name}"
                is "$(child_of $id)" "$(<"$BOX/$id.child")"
                must keeperctl eof $id
                is "$(keeperctl wait $id)" "$id 0"
                must cmp "$BOX/$id.sent" <(keeperctl logs $id)
                (($(wc -l <"$BOX/$id.sent") > 1000)) || fail "there was no load"
            done
            # They lived in units of their own, and those are gone with them.
            eventually eval '[[ -z $(systemctl --user --no-legend list-units "keeper-*.service") ]]'
            has "$(<"$BOX/said")" 'session one is already running'
            lacks "$(<"$BOX/said")" warning
            """#)
    }

    @Test("with --isolate none the same session dies with the service, and a warning has said so")
    func withoutUnit() throws {
        try ServiceManager.user.run(
            box,
            #"""
            service dashboard <<'END'
            keeperctl spawn --isolate none one -- cat 2>>"$BOX/said"
            END
            must systemctl --user start dashboard
            is "$(unit_of one)" ''
            is "$(jq -r .keeper.cgroup "$KEEPER_SESSIONS_DIR/one.d/status.json")" /app.slice/dashboard.service
            has "$(keeperctl status one)" 'cgroup:    /app.slice/dashboard.service'
            has "$(<"$BOX/said")" 'warning: session one is part of dashboard.service and ends when that stops or is restarted'
            child=$(child_of one) instance=$(jq -r .instance "$KEEPER_SESSIONS_DIR/one.d/status.json")
            must keeperctl write one before
            must systemctl --user restart dashboard
            [[ ! -e /proc/$child ]] || fail 'the child lives'
            [[ $(jq -r .instance "$KEEPER_SESSIONS_DIR/one.d/status.json") != "$instance" ]] || fail 'the session lives'
            is "$(keeperctl logs one)" ''
            """#)
    }

    @Test(
        "the page for dashboards shows the failure and its cure, and both are true",
        arguments: ["failure", "cure"])
    func page(_ section: String) throws {
        let path = "\(RenderedFiles.repository)/contrib/systemd/README.md"
        let page = String(decoding: try #require(readFile(path)), as: UTF8.self)
        let part = try #require(page.split(separator: "## The \(section)\n").last)
        let lines = part.split(separator: "\n## ")[0].split(separator: "\n")
        let first = try #require(lines.firstIndex { $0.hasPrefix("    ") })
        // As far as the code goes without a word in between.
        let code = lines[first...].prefix { $0.hasPrefix("    ") }.map { $0.dropFirst(4) }
        try ServiceManager.user.run(
            box,
            """
            mkdir -p ~/.config/systemd/user
            {
            \(code.joined(separator: "\n"))
            } >"$BOX/shown"
            """
                + (section == "cure"
                    ? #"""

                    told() { [[ $(keeperctl logs agent) == $'hello\nstill here' ]]; }
                    eventually told
                    """#
                    : #"""

                    is "$(tail -n 1 "$BOX/shown")" gone
                    """#))
    }

    @Test("a service that stops leaves its sessions, and what they have started themselves")
    func nested() throws {
        try ServiceManager.user.run(
            box,
            #"""
            service dashboard <<'END'
            keeperctl spawn outer -- bash -c 'keeperctl spawn inner -- cat; exec cat'
            END
            must systemctl --user start dashboard
            eventually test -e "$KEEPER_SESSIONS_DIR/inner.d/status.json"
            must systemctl --user stop dashboard
            is "$(unit_of inner)" keeper-inner.service
            must keeperctl kill outer
            must keeperctl write inner hello
            eventually eval '[[ $(keeperctl logs inner) == hello ]]'
            """#)
    }
}

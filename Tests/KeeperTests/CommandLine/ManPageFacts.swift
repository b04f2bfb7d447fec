import KeeperShared

/// What the manual pages say beyond the table of commands.
enum ManPageFacts {
    static let overview = [
        "A session is one process under the care of a keeper, which owns it, takes lines for it on a socket and "
            + "keeps its output in files. It lives on when the program, terminal or service that started it ends. "
            + "keeperctl starts sessions, talks to them, lists and ends them.",
        "There is no daemon and no configuration: the sessions directory is the registry, and a lock on a file "
            + "in it says who is alive.",
    ]

    static let values = [
        "A session's ID is 1 to 64 of the letters A to Z and a to z, digits, and the characters . _ - @ : + "
            + "and does not start with a dot, a hyphen or the word launch with a hyphen after it.",
        "A DURATION is a number with a unit, such as 350ms, 2s, 5m or 1h. A SIZE is a number of bytes, or of units of "
            + "1024, such as 64K, 16M or 1G. A SIG is the name of a signal, with or without SIG, or its number.",
    ]

    static let interface = [
        "Here {id} is a session's ID. What a request takes are members of its body, a JSON object, with POST and PATCH, and "
            + "names in the query with GET and DELETE. The same are methods of JSON-RPC 2.0 over a WebSocket at "
            + "/api/v1/ws, with the ID as session. The document at /openapi.json says all this for programs.",
        "Over TCP each request has the token: Authorization: Bearer TOKEN. An error is "
            + "{\"error\":{\"code\":WORD,\"message\":TEXT}}. Its status stands for the command's exit status: 422 for 1, 400 for 2, "
            + "404 for 3, 504 for 4, 409 for 5 and 502 for 6.",
        "A POST with the field Idempotency-Key is carried out once: the same request with the same key gets the first answer "
            + "again, and 409 while that one is under way.",
    ]

    static let environment = [
        ("KEEPER_SESSIONS_DIR", "The sessions directory, unless --sessions-dir names another."),
        (
            "PI_DASHBOARD_HOME",
            "Without KEEPER_SESSIONS_DIR, sessions are in .pi/dashboard/sessions below this directory."
        ),
        ("HOME", "Likewise, where PI_DASHBOARD_HOME isn't set."),
        ("NO_COLOR", "When set, tables have no colours."),
        (
            "KEEPER_SESSION, KEEPER_SESSIONS_DIR, KEEPER_SOCKET, KEEPER_INSTANCE",
            "Set for the command of a session: its ID, where it is, the socket that takes lines, and the "
                + "instance that tells it from other sessions under the same ID."
        ),
        (
            "PI_KEEPER_PI_CMD, PI_KEEPER_PI_ARGS",
            "JSON arrays: what keeper runs when it is given no command."
        ),
        (
            "PI_KEEPER_CAPTURE_PI_OUTPUT",
            "When 1, the output of that command is appended to the keeper's log; otherwise it is discarded."
        ),
        (
            "PI_KEEPER_LOG_MAX_BYTES, PI_KEEPER_LOG_CHECK_INTERVAL_MS",
            "The size at which that log is cut, and how often it is looked at while output comes."
        ),
    ]

    static let files = [
        ("~/.pi/dashboard/sessions", "The sessions directory where nothing names another."),
        ("ID.rpc.sock", "In it, the socket that takes lines for the session's standard input."),
        ("ID.d", "In it, the session's state, events and output."),
        ("keeper-ID.log", "In it, what happened in the session, for people."),
    ]

    /// For commands whose table says nothing of their own.
    static let leastStatuses = [ExitStatusSpec("0", "Done."), ExitStatusSpec("2", "Bad usage.")]

    static let examples = [
        ExampleSpec("keeperctl spawn calc -- bc -q", "Start a calculator as session calc."),
        ExampleSpec("keeperctl write calc '6*7' '2^64'", "Send it two lines."),
        ExampleSpec("keeperctl logs -f calc", "Print what it has written, and go on until it ends."),
        ExampleSpec("keeperctl discover", "List live sessions."),
        ExampleSpec("keeperctl kill calc", "End it."),
    ]
}

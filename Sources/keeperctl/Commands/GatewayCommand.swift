import CSystem
import KeeperShared

let gatewayCommand = Command("gateway", run: runGateway) {
    CommandSpec(
        $0, summary: "Serve sessions over HTTP and WebSocket",
        description: [
            "Serves the sessions directory to browsers and programs until it is ended: a page at '/', an interface "
                + "for programs below '/api/v1' that '/openapi.json' describes. Sessions don't notice when it "
                + "ends. At a Unix socket it serves its user and root; over TCP it asks for a token.",
            "Other addresses than this machine's own need --insecure-remote: what encrypts is a proxy or ssh.",
        ],
        groups: [
            OptionGroup(
                "Listening",
                [
                    GatewayOptions.listen, GatewayOptions.insecureRemote, GatewayOptions.basePath,
                    GatewayOptions.allowOrigin,
                ]),
            OptionGroup(
                "Bounds",
                [
                    GatewayOptions.maximumConnections, GatewayOptions.longestLine,
                    GatewayOptions.idleExit,
                ]),
            OptionGroup("Token", [GatewayOptions.showToken, GatewayOptions.readOnly]),
        ],
        examples: [
            ExampleSpec("keeperctl gateway", "Serves at http://127.0.0.1:8377/ and a Unix socket."),
            ExampleSpec("keeperctl gateway --show-token", "Prints what goes after 'Authorization: Bearer'."),
            ExampleSpec(
                "keeperctl gateway --listen unix:/run/user/1000/keeper.sock", "Serves at this socket alone."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "Ended by a signal, or idle."),
            ExitStatusSpec("1", "It can't listen there."),
            ExitStatusSpec("5", "Another gateway serves the directory."),
        ])
}

/// `gateway`: serves sessions until a signal ends it.
func runGateway(_ context: Context) throws(CommandFailure) -> Int32 {
    let directory = try context.makeDirectory()
    if context.arguments[GatewayOptions.showToken] { return try showToken(directory, context) }
    let manager = GatewayManager()
    let settings = try gatewaySettings(context, directory.path, manager.sockets)
    ignoreSignals([SIGPIPE])
    let server = try GatewayServer(settings, directory, gatewayCommands(directory.path))
    for url in server.urls { context.output.write(concat(url, "\n")) }
    context.output.flush()
    manager.tell(concat("READY=1\nSTATUS=", server.urls.joined(separator: " ")))
    try server.run { manager.tell("STOPPING=1") }
    return ExitStatus.done
}

private func showToken(
    _ directory: borrowing SessionsDirectory, _ context: Context
) throws(CommandFailure) -> Int32 {
    do throws(SystemError) {
        let files = try GatewayFiles(in: directory.descriptor)
        let name = context.arguments[GatewayOptions.readOnly] ? GatewayFiles.readingToken : GatewayFiles.token
        context.output.write(try files.token(name) + [10])
        context.output.flush()
        return ExitStatus.done
    } catch {
        throw CommandFailure("token", error)
    }
}

private func gatewaySettings(
    _ context: Context, _ directory: String, _ passed: [ListenAddress]
) throws(CommandFailure) -> GatewaySettings {
    let arguments = context.arguments
    var settings = GatewaySettings()
    settings.longestBody = arguments[GatewayOptions.longestLine]
    settings.mostConnections = arguments[GatewayOptions.maximumConnections]
    settings.idleExit = arguments[GatewayOptions.idleExit]
    settings.origins = arguments[GatewayOptions.allowOrigin].map { $0.text }
    for part in (arguments[GatewayOptions.basePath]?.text ?? "").split(separator: "/") {
        settings.basePath.append(String(part))
    }
    for address in arguments[GatewayOptions.listen] {
        settings.addresses.append(try ListenAddress(address.text))
    }
    if settings.addresses.isEmpty { settings.addresses = passed }
    for address in settings.addresses {
        guard let host = address.remoteHost, !arguments[GatewayOptions.insecureRemote] else { continue }
        throw CommandFailure(
            ExitStatus.badUsage,
            concat(
                host,
                " is not this machine alone, and nothing here encrypts: listen at 127.0.0.1 and put ssh or a proxy in front, "
                    + "or add --insecure-remote"))
    }
    if settings.addresses.isEmpty {
        let folder = concat(directory, "/", GatewayFiles.place)
        if mkdir(folder, 0o700) < 0, csys_errno() != EEXIST {
            throw CommandFailure(ExitStatus.failed, concat(folder, ": ", errorText(csys_errno())))
        }
        settings.addresses = [
            .unix(concat(folder, "/", GatewayFiles.socket)),
            .network(host: "127.0.0.1", port: 8377),
        ]
    }
    return settings
}

/// What the gateway has commands do that only look.
private func gatewayCommands(_ path: String) -> GatewayCommands {
    GatewayCommands(
        list: { arguments throws(CommandFailure) in
            let context = try parsedContext((["--sessions-dir", path] + arguments).map { Argument($0) })
            context.output.isHeld = true
            return try heldList(context)
        },
        spawnLine: { members throws(CommandFailure) in
            let file = OptionFile("/", "request", sessionsPath: nil, argumentsKey: "command")
            return try file.spawnLine(members)
        },
        spawnOptions: {
            spawnCommand.entry.spec.groups.filter { !$0.isHidden && !equalUTF8($0.title, "Waiting") }
                .flatMap { $0.options }
        })
}

/// What a command line of this program says.
func parsedContext(_ line: [Argument]) throws(CommandFailure) -> Context {
    do throws(UsageError) {
        if case .run(let parsed) = try parseCommandLine(line, for: keeperctlTable) {
            return Context(arguments: parsed)
        }
    } catch {
        throw CommandFailure(ExitStatus.badUsage, error.message)
    }
    throw CommandFailure(ExitStatus.badUsage, "it asks for help")
}

import CSystem
import KeeperShared

let dashboardCommand = Command("dashboard", run: runDashboard) {
    CommandSpec(
        $0, summary: "Show the sessions in a browser",
        description: [
            "Starts a gateway as a session if none serves the sessions directory, waits until it listens, and prints "
                + "the address of its page. The token is a part of the address: who has it can do everything that "
                + "you can do with your sessions. On a desktop the page is opened as well, by $BROWSER or xdg-open.",
            "On another machine: 'ssh -L 8377:127.0.0.1:8377 HOST', and here the address that was printed there. The "
                + "session is called gateway, or gateway-2 and so on if that is taken; 'keeperctl kill gateway' ends it.",
        ],
        groups: [
            OptionGroup(
                "Options",
                [
                    DashboardOptions.stays, DashboardOptions.port,
                    Shared.timeout.explained("Give up if the gateway does not listen by then"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl dashboard", "Opens the page, and prints its address."),
            ExampleSpec("keeperctl dashboard --no-open --port 9000", "Only prints it."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "The page is served."),
            ExitStatusSpec("1", "It can't be served, as the port is taken for instance."),
            Shared.timedOut,
        ])
}

/// The options of `dashboard`.
enum DashboardOptions {
    static let stays = Flag("no-open", help: "Open no browser")
    static let port: Option<Int> = Option(
        "port", .integer(min: 1, max: 65535), "PORT", help: "Start the gateway at this port of 127.0.0.1",
        describedDefault: "8377, or the next one that is free")
}

/// `dashboard`: prints where the page is, and opens it.
func runDashboard(_ context: Context) throws(CommandFailure) -> Int32 {
    let directory = try context.makeDirectory()
    let dashboard: Dashboard
    do throws(SystemError) {
        dashboard = Dashboard(directory.path, try directory.descriptor.duplicate())
    } catch {
        throw CommandFailure("dashboard", error)
    }
    var living = try dashboard.gateway()
    if living == nil { living = try dashboard.start(context) }
    let gateway = living ?? []
    guard let url = (try? JSONValue.parse(gateway))?["urls"]?.arrayValue?.first?.stringValue else {
        throw CommandFailure(
            ExitStatus.failed,
            concat("the gateway of this directory listens at no port: ", GatewayServer.name(gateway)))
    }
    let address = concat(url, "#token=", try dashboard.token())
    context.output.write(concat(address, "\n"))
    context.output.flush()
    let hasDesktop = environment("DISPLAY") != nil || environment("WAYLAND_DISPLAY") != nil
    if hasDesktop, !context.arguments[DashboardOptions.stays] { try dashboard.open(address) }
    return ExitStatus.done
}

/// The gateway of a sessions directory, as `dashboard` sees it.
private final class Dashboard {
    private let directory: String
    private let sessions: FileDescriptor

    private static let usualPort = 8377
    private static let portsTried = 20
    private static let idsTried = 9
    private static let page = "dashboard.html"

    init(_ directory: String, _ sessions: consuming FileDescriptor) {
        self.directory = directory
        self.sessions = sessions
    }

    private func failure(_ error: SystemError) -> CommandFailure { CommandFailure("dashboard", error) }

    /// The description of the gateway that lives; nil when none does.
    func gateway() throws(CommandFailure) -> [UInt8]? {
        do throws(SystemError) {
            return try GatewayFiles.living(in: try sessions.openDirectory(GatewayFiles.place))
        } catch {
            if error.code == ENOENT { return nil }
            throw failure(error)
        }
    }

    func token() throws(CommandFailure) -> String {
        do throws(SystemError) {
            // Not kept: a gateway that starts waits for it.
            let files = try GatewayFiles(in: sessions)
            return String(decoding: try files.token(GatewayFiles.token), as: UTF8.self)
        } catch {
            throw failure(error)
        }
    }

    // MARK: Starting

    /// Starts a gateway as a session.
    ///
    /// - Returns: its description, or that of one that another process has started meanwhile.
    func start(_ context: Context) throws(CommandFailure) -> [UInt8] {
        let port = try freePort(context.arguments[DashboardOptions.port])
        for number in 1...Dashboard.idsTried {
            let id = number == 1 ? "gateway" : concat("gateway-", String(number))
            do throws(CommandFailure) {
                try start(id, port, deadline: context.deadline)
            } catch {
                if let gateway = try gateway() { return gateway }
                if error.status != ExitStatus.conflict { throw error }
                continue
            }
            if let gateway = try gateway() { return gateway }
            throw CommandFailure(
                ExitStatus.failed,
                concat("the gateway has ended; 'keeperctl logs --stderr ", id, "' may tell why"))
        }
        throw CommandFailure(
            ExitStatus.conflict, "sessions called gateway are running, and none of them is a gateway")
    }

    private func start(_ id: String, _ port: Int, deadline: Int64?) throws(CommandFailure) {
        let place = concat(directory, "/", GatewayFiles.place, "/", GatewayFiles.socket)
        let line = [
            "spawn", "--sessions-dir", directory, "--cwd", "/", "--wait", "ready", "--ready", "output",
            "--restart", "on-failure", "--restart-limit", "10/10m", id, "--",
            processLink("self/exe") ?? "keeperctl", "--sessions-dir", directory, "gateway",
            concat("--listen=unix:", place), concat("--listen=127.0.0.1:", String(port)),
        ]
        let context = try parsedContext(line.map { Argument($0) })
        let keeper = try SessionStarter(context, isWaitedFor: true, removesFiles: false)
            .start(deadline: deadline)
        try awaitReady(keeper, deadline: deadline)
    }

    /// A port of this machine that nobody listens at.
    private func freePort(_ wanted: Int?) throws(CommandFailure) -> Int {
        let first = wanted ?? Dashboard.usualPort
        let last = wanted ?? first + Dashboard.portsTried - 1
        var reason: Int32 = 0
        for port in first...last {
            let number = csys_listen_tcp("127.0.0.1", Int32(port))
            if number >= 0 {
                close(number)
                return port
            }
            reason = csys_errno()
        }
        var ports = String(first)
        if last > first { ports = concat(ports, " to ", String(last)) }
        throw CommandFailure(
            ExitStatus.failed,
            concat("can't listen at 127.0.0.1, port ", ports, ": ", errorText(reason), "; see --port"))
    }

    // MARK: The browser

    /// Opens a page that leads to the address: everybody can read a browser's arguments, and nobody else this file.
    func open(_ address: String) throws(CommandFailure) {
        let html = concat(
            "<!DOCTYPE html><meta charset=\"utf-8\"><title>keeper</title><meta name=\"referrer\" content=\"no-referrer\">"
                + "<meta http-equiv=\"refresh\" content=\"0;url=", address, "\">\n")
        var url = "file://"
        for byte in concat(directory, "/", GatewayFiles.place, "/", Dashboard.page).utf8 {
            let isPlain = byte > 44 && byte < 127 && byte != UInt8(ascii: "?")
            url +=
                isPlain
                ? String(UnicodeScalar(byte)) : concat(byte < 16 ? "%0" : "%", String(byte, radix: 16))
        }
        let script = "browser=${BROWSER%%:*}; exec ${browser:-xdg-open} \"$1\""
        do throws(SystemError) {
            try sessions.openDirectory(GatewayFiles.place).replace(Dashboard.page, with: Array(html.utf8))
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            let mask = umask(0)
            umask(mask)
            // Nobody waits for it: a browser may stay.
            _ = try ArgumentList(["/bin/sh"]).withPointer { file throws(SystemError) in
                try ArgumentList(["sh", "-c", script, "sh", url]).withPointer {
                    arguments throws(SystemError) in
                    var request = SpawnRequest(
                        file: file[0]!, arguments: arguments, environment: UnsafePointer(csys_environ()),
                        mask: mask)
                    request.descriptors = (null.raw, null.raw, null.raw, -1)
                    return try spawn(request)
                }
            }
        } catch {
            throw failure(error)
        }
    }
}

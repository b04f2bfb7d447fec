import KeeperShared

/// Starts commands of this program, and bounds how many run at a time.
final class CommandStarter {
    private(set) var count = 0
    private let loop: GatewayLoop
    private let directoryPath: String
    /// A session that is started here has the limit of descriptors that the gateway was started with.
    private let limits: [ResourceLimit]

    private static let most = 256

    init(_ loop: GatewayLoop, _ directoryPath: String) {
        self.loop = loop
        self.directoryPath = directoryPath
        limits = ResourceLimit.ofDescriptors.map { [$0] } ?? []
    }

    /// - Throws: 503 when it can't be started now, 400 for what no argument can hold.
    func start(_ line: CommandLine) throws(HTTPFailure) -> CommandRun {
        for argument in line.arguments where argument.contains(0) {
            throw HTTPFailure(400, "a value has a NUL, which no argument can hold")
        }
        if count >= CommandStarter.most {
            throw HTTPFailure(503, "too many commands run at the moment", field: "Retry-After: 1")
        }
        do throws(SystemError) {
            let run = try CommandRun(line, directoryPath, loop, limits: limits) { [self] in count -= 1 }
            count += 1
            return run
        } catch {
            throw HTTPFailure(503, error.text)
        }
    }
}

import CSystem
import KeeperShared

/// What every command gets: its arguments, and the sessions directory when it asks for it.
struct Context {
    let arguments: ParsedArguments
    let output = StandardOutput()

    /// Where the sessions are, whether it exists or not.
    @inline(never) func directoryPath() throws(CommandFailure) -> String {
        do throws(SessionsDirectoryError) {
            return try SessionsDirectory.resolve(option: arguments[SessionOptions.directory]?.text)
        } catch {
            throw CommandFailure(ExitStatus.badUsage, error.text)
        }
    }

    /// Opens the sessions directory; nil when there is none yet.
    func openDirectory() throws(CommandFailure) -> SessionsDirectory? {
        try open(create: false)
    }

    /// Opens the sessions directory, and makes it when there is none.
    func makeDirectory() throws(CommandFailure) -> SessionsDirectory {
        guard let directory = try open(create: true) else {
            throw CommandFailure(ExitStatus.failed, "the sessions directory vanished while it was made")
        }
        return directory
    }

    // Not inlined, as every command calls these.
    @inline(never) private func open(create: Bool) throws(CommandFailure) -> SessionsDirectory? {
        let path = try directoryPath()
        do throws(SessionsDirectoryError) {
            return try SessionsDirectory.open(path: path, create: create)
        } catch {
            throw CommandFailure(ExitStatus.failed, error.text)
        }
    }

    /// An operand that must be a session id; the parser has checked it.
    @inline(never) func sessionID(_ operand: Argument) throws(CommandFailure) -> SessionID {
        do throws(SessionIDError) {
            return try SessionID(bytes: operand.bytes)
        } catch {
            throw CommandFailure(
                ExitStatus.badUsage, concat(quoted(operand.bytes), " is not a session id: ", error.message))
        }
    }
}

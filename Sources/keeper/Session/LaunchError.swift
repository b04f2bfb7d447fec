import KeeperShared

/// Why a session could not be set up: the exit status and one line.
struct LaunchError: Error {
    let status: Int32
    let text: String
    /// Why the command can't be executed; 0 when something else is wrong.
    let execError: Int32

    init(_ status: Int32, _ text: String, execError: Int32 = 0) {
        self.status = status
        self.text = text
        self.execError = execError
    }

    init(_ error: SystemError) { self.init(2, error.text) }
}

/// Runs system calls whose failure means that the session can't be set up.
func system<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(LaunchError) -> Result {
    do throws(SystemError) {
        return try body()
    } catch {
        throw LaunchError(error)
    }
}

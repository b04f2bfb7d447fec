import CSystem
import KeeperShared

/// The new binary's side of an upgrade.
enum TakeOver {
    /// Reads a state from a sealed file in memory.
    ///
    /// - Throws: why it can't be understood.
    static func read(
        _ number: Int32
    ) throws(LaunchError) -> (state: SavedState, status: SessionStatus, descriptors: [Int32]) {
        var record = stat()
        guard csys_is_sealed(number) == 1, fstat(number, &record) == 0, record.st_size > 0 else {
            throw LaunchError(2, "descriptor \(number) holds no state of a keeper")
        }
        let size = Int(record.st_size)
        guard let pages = mmap(nil, size, PROT_READ, MAP_PRIVATE, number, 0),
            pages != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw LaunchError(SystemError("mmap", "the state", csys_errno())) }
        defer { munmap(pages, size) }
        var coder = StateCoder(reading: UnsafeRawBufferPointer(start: pages, count: size))
        var state = SavedState()
        state.savedFormat = 0
        state.code(&coder)
        guard state.savedFormat == SavedState.format else {
            throw LaunchError(
                2,
                "the state has format \(state.savedFormat), this keeper (\(keeperVersion)) reads \(SavedState.format)"
            )
        }
        guard !coder.isBroken, let status = SessionStatus(bytes: state.status), state.directory >= 0,
            state.sidecar >= 0,
            state.inputListener >= 0, state.controlListener >= 0, state.folder >= 0, state.childDirectory >= 0
        else { throw LaunchError(2, "the state is damaged or incomplete") }
        return (state, status, coder.descriptors)
    }

    /// The helper process: says whether the state at standard input is understood.
    static func check() -> Int32 {
        do throws(LaunchError) {
            _ = try read(STDIN_FILENO)
        } catch {
            printError(error.text)
            return 1
        }
        let line = Array("\(UpgradeRequest.consent): \(keeperVersion)\n".utf8)
        _ = line.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        return 0
    }

    /// Goes on with another binary's session.
    ///
    /// - Returns: only when it does; otherwise the old binary goes on in this process.
    static func resume(
        _ settings: Settings, state number: Int32, failure: String?, log: KeeperLog
    ) throws(LaunchError) -> Session {
        let (state, status, descriptors) = try read(number)
        do throws(SystemError) {
            for number in descriptors where csys_fcntl(number, F_GETFD, 0) < 0 {
                throw SystemError("use descriptor", "\(number)", csys_errno())
            }
            // All that can fail comes before anything owns a descriptor.
            let builder = try SessionBuilder(settings, log)
            // Executed through a descriptor, the process would be called by its number.
            "keeper".withCString { _ = csys_prctl(PR_SET_NAME, UInt(bitPattern: $0)) }
            if case .log(let bound, _) = settings.output { log.bound = bound }
            log.restore(state.log, bound: log.bound)
            var problem: SystemError?
            let session = builder.restore(state, status, &problem)
            if let code = Faults.next("takeOver", failure == nil ? "forth" : "back") {
                problem = SystemError("take over", "", code)
            }
            if let problem {
                // Still owned by the session here, so nothing has been closed.
                goBack(state, descriptors + [number], problem, hasFailedBefore: failure != nil)
                throw problem
            }
            setClosedOnExec(true, descriptors)
            close(number)
            session.finishUpgrade(state, failure: failure)
            return session
        } catch {
            goBack(state, descriptors + [number], error, hasFailedBefore: failure != nil)
            throw LaunchError(error)
        }
    }

    /// Executes the old binary again. Returns if that can't be, or if this is the old one.
    private static func goBack(
        _ state: SavedState, _ descriptors: [Int32], _ error: SystemError, hasFailedBefore: Bool
    ) {
        if hasFailedBefore || state.binary < 0 { return }
        let text = "\(keeperVersion) failed to take over: \(error.text)"
        setClosedOnExec(false, descriptors)
        UpgradeRequest.arguments(state: descriptors.last!, failure: text).withPointer {
            csys_execute(state.binary, $0, csys_environ())
        }
    }
}

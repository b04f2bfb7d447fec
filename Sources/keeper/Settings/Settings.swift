import CSystem
import KeeperShared

/// When a session is ended, or its child started again, without anybody asking. Durations in ns, sizes in bytes.
struct Limits {
    var startTimeout: Int64 = .seconds(90)
    var watchdog: Int64?
    var maximumRuntime: Int64?
    var idleTimeout: Int64?
    var silenceTimeout: Int64?
    var maximumMemory: Int?
    var memoryWarning: Int?
    /// Percent of one core.
    var processorWarning: Int?

    var areSampled: Bool { maximumMemory != nil || memoryWarning != nil || processorWarning != nil }
}

enum OutputMode {
    /// Both streams in journals, each bounded to this many bytes.
    case journals(bound: Int)
    case discard
    /// Appended to the keeper's log, which is cut at `bound` bytes, checked every `interval` nanoseconds.
    case log(bound: Int, interval: Int64)
}

/// What a keeper was asked to do.
struct Settings {
    var id: SessionID
    var sessionsPath: String
    var workingDirectory: String?
    var labels: [Label] = []
    var removesFiles = false
    /// Another keeper goes on with the session when this one is killed.
    var isResilient = false
    /// The reader of the report pipe reads the files to the end first.
    var awaitsReader = false
    var mergesStreams = false
    /// The first size of the child's terminal; nil for pipes.
    var terminalSize: TerminalSize?
    var maximumLine = 16 << 20
    var maximumPending = 64 << 20
    var leftovers = Leftovers.end
    var restart = RestartPolicy.no
    var restartLimit: RestartLimit?
    var ready = ReadyCondition.standard
    var limits = Limits()
    var resourceLimits: [ResourceLimit] = []
    var stopSteps = StopStep.standard
    var killScope = KillScope.group
    var output = OutputMode.journals(bound: 64 << 20)
    /// A pipe to the starter of this keeper.
    var reportDescriptor: Int32?
    /// Closed as soon as it is settled whose session it is; for a starter that waits for nothing else.
    var handoverDescriptor: Int32?
    /// Another binary of this process left its state there.
    var takeOver: Int32?
    /// This binary handed over, and the other one could not go on.
    var takeOverFailure: String?
    /// Started without a command, by a dashboard that knows the contract.
    var isDropIn = false
    var command: ChildCommand
}

/// A command as C strings that live as long as the process.
struct ChildCommand {
    /// Ended by nil, for exec.
    let pointer: UnsafePointer<UnsafeMutablePointer<CChar>?>

    /// The last arguments of this process: byte for byte what the kernel gave it.
    init(lastArguments count: Int) {
        pointer = UnsafePointer(csys_arguments()! + (Int(csys_argc()) - count))
    }

    /// Strings that are kept as long as the process.
    init(_ strings: [String]) { pointer = ArgumentList(strings).leak() }

    var file: UnsafePointer<CChar> { UnsafePointer(pointer[0]!) }

    var bytes: [[UInt8]] {
        var all: [[UInt8]] = []
        while let argument = pointer[all.count] {
            all.append(Array(UnsafeRawBufferPointer(start: argument, count: strlen(argument))))
        }
        return all
    }
}

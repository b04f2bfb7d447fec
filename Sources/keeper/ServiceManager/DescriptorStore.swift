import CSystem
import KeeperShared

/// The service manager as a keeper of descriptors (sd_pid_notify_with_fds(3), sd_listen_fds(3)): what is stored there
/// stays open when this process dies, and the next one is started with it.
enum DescriptorStore {
    /// What is stored, by the name it has there.
    enum Name: Int, CaseIterable {
        /// Last of all to be removed: without it the rest says nothing.
        case page
        case sidecar
        case input
        case control
        case stdin
        case stdout
        case stderr
        case child
        case stdoutStage
        case stderrStage
        /// The socket for what the child says of itself.
        case notes
        /// The pipe on which the child says that it is ready.
        case ready

        var text: StaticString {
            switch self {
            case .page: "page"
            case .sidecar: "sidecar"
            case .input: "input"
            case .control: "control"
            case .stdin: "stdin"
            case .stdout: "stdout"
            case .stderr: "stderr"
            case .child: "child"
            case .stdoutStage: "stdout-stage"
            case .stderrStage: "stderr-stage"
            case .notes: "notes"
            case .ready: "ready"
            }
        }
    }

    /// Stores a copy of a descriptor. The manager doesn't look whether anything happens on it: a hang-up is no reason
    /// to let go of it.
    static func store(_ number: Int32, _ name: Name, through queue: ManagerQueue) {
        let text = concat("FDSTORE=1\nFDPOLL=0\nFDNAME=", "\(name.text)")
        queue.send(.store(name), text, descriptor: number)
    }

    /// Lets go of all that is stored under a name.
    static func remove(_ name: Name, through queue: ManagerQueue) {
        queue.send(.removal(name), concat("FDSTOREREMOVE=1\nFDNAME=", "\(name.text)"))
    }

    /// Lets go of everything; last of the page, which says what the rest is.
    static func removeAll(through queue: ManagerQueue) {
        for name in Name.allCases.reversed() { remove(name, through: queue) }
    }
}

/// The descriptors that the service manager has started this process with.
struct ReceivedDescriptors {
    private(set) var count = 0
    private var numbers: [Int32] = []

    init() {
        numbers = DescriptorStore.Name.allCases.map { _ in -1 }
        guard let owner = environment("LISTEN_PID"), decimal(Array(owner.utf8)) == Int(getpid()),
            let text = environment("LISTEN_FDS"), let count = decimal(Array(text.utf8)), count > 0,
            count < 1024
        else { return }
        self.count = count
        let names = Array((environment("LISTEN_FDNAMES") ?? "").utf8).split(
            separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for index in 0..<count {
            let number = Int32(3 + index)
            _ = csys_fcntl(number, F_SETFD, Int(FD_CLOEXEC))
            guard index < names.count else { continue }
            for name in DescriptorStore.Name.allCases where names[index].elementsEqual("\(name.text)".utf8) {
                // Of two, the older one was to be removed; it can't be told which that is.
                numbers[name.rawValue] = numbers[name.rawValue] == -1 ? number : -2
            }
        }
    }

    /// The number of a descriptor; -1 when it is not there, or when there is more than one.
    subscript(name: DescriptorStore.Name) -> Int32 { max(-1, numbers[name.rawValue]) }

    func has(_ names: DescriptorStore.Name...) -> Bool {
        names.allSatisfy { self[$0] >= 0 }
    }

    func close() {
        for index in 0..<count { _ = CSystem.close(Int32(3 + index)) }
    }
}

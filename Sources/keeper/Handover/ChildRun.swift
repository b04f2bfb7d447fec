/// One run of the command.
struct ChildRun {
    /// On the monotonic clock; 0 before that.
    var startedAt: Int64 = 0
    var readyAt: Int64 = 0
    var endedAt: Int64 = 0
    /// The child is not this process's own: another keeper started it, and how it ends can't be known.
    var isInherited = false
}

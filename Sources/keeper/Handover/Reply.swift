/// Where an answer to a request goes: it may be given long after the request came, and by another binary.
struct Reply {
    var connection: UInt64 = 0
    /// The request's id as JSON; nil for a notification, which gets no answer.
    var id: [UInt8]?

    mutating func code(_ coder: inout StateCoder) {
        coder.integer(1, &connection)
        var bytes = id ?? []
        coder.data(2, &bytes)
        id = bytes.isEmpty ? nil : bytes
    }
}

/// A kind of value with the type that its text stands for.
package struct ValueType<Value> {
    let kind: ValueKind
    /// nil for text that ``ValueKind/objection(to:)`` refuses.
    private let parse: (Argument) -> Value?

    private init(_ kind: ValueKind, _ parse: @escaping (Argument) -> Value?) {
        self.kind = kind
        self.parse = parse
    }

    /// The value of text that the parser has taken, or of a default.
    func value(of argument: Argument) -> Value {
        guard let value = parse(argument) else {
            preconditionFailure("a default, or a check that takes what can't be read")
        }
        return value
    }
}

extension ValueType where Value == Argument {
    package static var string: ValueType { ValueType(.string) { $0 } }
    package static var path: ValueType { ValueType(.path) { $0 } }
    package static var keyValue: ValueType { ValueType(.keyValue) { $0 } }
}

extension ValueType where Value == Int64 {
    /// Nanoseconds.
    package static var duration: ValueType { ValueType(.duration) { $0.duration } }
}

extension ValueType where Value == Int {
    /// Bytes.
    package static func size(min: Int) -> ValueType { ValueType(.size(min: min)) { $0.size } }

    package static func integer(min: Int, max: Int) -> ValueType {
        ValueType(.integer(min: min, max: max)) { decimal($0.bytes) }
    }
}

extension ValueType where Value == Int32 {
    /// The number of a signal.
    package static var signal: ValueType { ValueType(.signal) { SignalName.number(of: $0.bytes) } }

    /// A descriptor that a process was started with, besides the standard ones.
    package static var descriptor: ValueType {
        ValueType(.integer(min: 3, max: Int(Int32.max))) { decimal($0.bytes).map { Int32($0) } }
    }
}

extension ValueType where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    /// One of the cases, by its name.
    package static var choice: ValueType {
        ValueType(.choice(Value.allCases.map { $0.rawValue })) { argument in
            Value.allCases.first { argument.equals($0.rawValue) }
        }
    }
}

extension ValueType where Value == Moment {
    package static var moment: ValueType { ValueType(.moment) { Moment.parse($0) } }
}

extension ValueType where Value == [StopStep] {
    package static var stopSteps: ValueType { ValueType(.stopSteps) { StopStep.parse($0.text) } }
}

extension ValueType where Value == ReadyCondition {
    package static var readiness: ValueType { ValueType(.readiness) { ReadyCondition.parse($0.bytes) } }
}

extension ValueType where Value == RestartLimit {
    package static var restartLimit: ValueType { ValueType(.restartLimit) { RestartLimit.parse($0.bytes) } }
}

extension ValueType where Value == ResourceLimit {
    package static var resourceLimit: ValueType {
        ValueType(.resourceLimit) { ResourceLimit.parse($0.bytes) }
    }
}

extension ValueType where Value == TerminalSize {
    package static var terminalSize: ValueType { ValueType(.terminalSize) { TerminalSize.parse($0.bytes) } }
}

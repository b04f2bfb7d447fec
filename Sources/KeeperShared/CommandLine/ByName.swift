extension ParsedArguments {
    package func flag(_ name: String) -> Bool {
        command.option(long: Array(name.utf8)).map { isGiven($0) } ?? false
    }
    package func value(_ name: String) -> Argument? {
        guard let option = command.option(long: Array(name.utf8)) else { return nil }
        if let last = values(of: option).last { return last }
        if case .value(let text) = option.defaultValue { return Argument(text) }
        return nil
    }
    package func values(_ name: String) -> [Argument] {
        command.option(long: Array(name.utf8)).map { values(of: $0) } ?? []
    }
}

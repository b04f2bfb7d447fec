/// Options for a session in a unit of its own: of `spawn` and `run`, which tell the keeper.
package enum UnitOptions {
    package enum Isolation: String, CaseIterable {
        /// Where the caller is in a service.
        case auto
        case none, systemd
    }

    package static func group(hidden: Bool = false) -> OptionGroup {
        let options: [OptionSpec] = [isolate, processorQuota, maximumTasks, property]
        return OptionGroup("Service manager", options, hidden: hidden)
    }
    package static var isolate: Option<Isolation> {
        Option(
            "isolate", .choice, "auto|none|systemd",
            help: "Start the session in a systemd unit of its own, so that it doesn't end with its caller's",
            describedDefault: "auto: where the caller is in a service")
    }
    package static var processorQuota: Option<Argument> {
        Option("cpu-quota", .string, "PERCENT", help: "Let the unit use this much of one CPU")
    }
    package static var maximumTasks: Option<Int> {
        Option(
            "tasks-max", .integer(min: 1, max: Int(Int32.max)), "N",
            help: "Let the unit have up to N processes and threads")
    }
    package static var property: RepeatedOption<Argument> {
        RepeatedOption(
            "property", .keyValue, "NAME=VALUE",
            help: "Set a property of the unit, as systemd-run does")
    }
}

import KeeperShared

/// Options of the commands that start a session: what the environment of its command is.
enum EnvironmentOptions {
    static var group: OptionGroup { OptionGroup("Environment", [variables, files, isCleared]) }

    static let variables: RepeatedOption<Argument> = RepeatedOption(
        "env", .keyValue, "NAME=VALUE", help: "Set a variable for the command")
    static let files: RepeatedOption<Argument> = RepeatedOption(
        "env-file", .path, "FILE",
        help: "Set variables from FILE, a NAME=VALUE on each line, no quoting, # comments; --env wins")
    static let isCleared = Flag("clear-env", help: "Start from an empty environment")
}

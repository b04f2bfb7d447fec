import CSystem

/// The arguments that this process was started with, without its name.
package func processArguments() -> [Argument] {
    var arguments: [Argument] = []
    var index: Int32 = 1
    while index < csys_argc(), let pointer = csys_argv(index) {
        let text = UnsafeRawBufferPointer(start: pointer, count: strlen(pointer))
        arguments.append(Argument(bytes: Array(text)))
        index += 1
    }
    return arguments
}

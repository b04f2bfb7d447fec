import KeeperShared

/// Appends what is used as members of the object that is open; null is what can't be found out.
@inline(never)
func appendUsage(_ json: inout JSONWriter, _ cpu: Int?, _ usage: ResourceUsage?) {
    write("cpuPercent", cpu.map { percentText($0) }, to: &json)
    json.member("rss", usage?.resident)
    json.member("pss", usage?.proportional)
    json.member("descriptors", usage?.descriptors)
    json.member("bytesRead", usage?.bytesRead)
    json.member("bytesWritten", usage?.bytesWritten)
    write("userSeconds", usage.map { secondsText($0.userTime) }, to: &json)
    write("systemSeconds", usage.map { secondsText($0.systemTime) }, to: &json)
    json.member("threads", usage?.threads)
    json.member("processes", usage?.processes)
}

@inline(never)
private func write(_ name: StaticString, _ number: String?, to json: inout JSONWriter) {
    json.key(name)
    if let number { json.raw(Array(number.utf8)) } else { json.null() }
}

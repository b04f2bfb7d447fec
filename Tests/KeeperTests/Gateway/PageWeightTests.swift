import Testing

@Suite("The page's files", requires("curl"))
struct PageWeightTests {
    /// All that a browser loads for the page, in bytes, as it is.
    private static let limit = 163_000

    @Test("all that is served for the page stays light, and is all there")
    func weight() throws {
        let box = try Sandbox()
        let gateway = try GatewayByCurl(box)
        var names = ["index.html"]
        var total = 0
        var index = 0
        while index < names.count {
            let answer = try gateway.ask("GET", "/\(names[index])")
            #expect(answer.status == 200, "\(names[index])")
            total += answer.body.count
            for name in PageWeightTests.references(in: answer.text) where !names.contains(name) {
                names.append(name)
            }
            index += 1
        }
        #expect(names.contains("dashboard.css") && names.contains("terminal.js"), "\(names)")
        #expect(total <= PageWeightTests.limit, "\(total) bytes in \(names.count) files")
    }

    /// The files of the page that a file of it names: between double quotes, with or without `./`.
    private static func references(in text: String) -> [String] {
        text.split(separator: "\"").compactMap { part in
            let name = part.hasPrefix("./") ? part.dropFirst(2) : part
            guard name.hasSuffix(".js") || name.hasSuffix(".css") else { return nil }
            return name.allSatisfy { $0.isLetter || $0 == "." } ? String(name) : nil
        }
    }
}

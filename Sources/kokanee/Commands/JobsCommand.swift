extension Command {
    static let jobs = Command(
        name: "jobs",
        summary: "Looks at single jobs.",
        examples: [.init("kokanee jobs show reports 42", "how far a job is")],
        subcommands: [jobsShow]
    )
}

/// The programs that tests give to `--handler`.
enum HandlerProgram {
    /// Does what the job's payload asks for: `{"do": WHAT, …}`, and notes start and end in a ``Ledger``.
    ///
    /// `ok` (also of any other payload); `fail`; `flaky` with `failures`; `reject`, which asks for no retry; `crash`;
    /// `nonsense`; `hang`; `sleep` with `seconds`; `wait` for the file `file`.
    static let obedient = """
        import json, os, sys, time
        ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        def note(event, job):
            entry = {"event": event, "at": time.monotonic_ns(), "wall": time.time_ns() // 1000000,
                     "pid": os.getpid(), "id": job["id"], "type": job["type"], "attempt": job["attempt"],
                     "key": job.get("key")}
            os.write(ledger, (json.dumps(entry) + "\\n").encode())
        def say(text):
            sys.stdout.write(text + "\\n"); sys.stdout.flush()
        def answer(job, **fields):
            note("end", job)
            say(json.dumps({"id": job["id"], **fields}))
        for line in iter(sys.stdin.readline, ""):
            job = json.loads(line)
            data = job.get("data")
            if not isinstance(data, dict): data = {}
            do = data.get("do", "ok")
            note("start", job)
            if do == "fail" or (do == "flaky" and job["attempt"] <= data["failures"]):
                answer(job, ok=False, error="broken at attempt %d" % job["attempt"], retry=True)
                continue
            if do == "reject":
                answer(job, ok=False, error="rejected %s" % data.get("why", ""), retry=False)
                continue
            if do == "crash":
                sys.stderr.write("last words of %s\\n" % job["id"]); sys.stderr.flush()
                os._exit(3)
            if do == "nonsense":
                say("this is not the protocol")
                continue
            if do == "hang": time.sleep(3600)
            if do == "sleep": time.sleep(data["seconds"])
            while do == "wait" and not os.path.exists(data["file"]): time.sleep(0.01)
            answer(job, ok=True)

        """

    /// Notes each job's id in a file, a line each, and is done: for many jobs.
    static let counting = """
        import json, os, sys
        ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for line in iter(sys.stdin.readline, ""):
            id = json.loads(line)["id"]
            os.write(ledger, (id + "\\n").encode())
            sys.stdout.write(json.dumps({"id": id, "ok": True}) + "\\n"); sys.stdout.flush()

        """

    /// Notes what it was given, whole, in a file, a line each, and is done.
    static let recording = """
        import json, os, sys
        ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for line in iter(sys.stdin.readline, ""):
            os.write(ledger, line.encode())
            sys.stdout.write(json.dumps({"id": json.loads(line)["id"], "ok": True}) + "\\n"); sys.stdout.flush()

        """
}

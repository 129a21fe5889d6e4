"""Every command by heading: the module that holds it, and what it is for in one line. Nothing here imports any."""

from __future__ import annotations

from collections.abc import Mapping

SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Set up": {
        "init": ("gonogo.cli.starting", "Write gonogo.yaml and the files around it."),
        "check": ("gonogo.cli.checking", "Say everything that is missing or wrong, with file and line."),
        "doctor": ("gonogo.cli.examining", "Say what this machine lacks for running protocols here."),
        "upgrade": ("gonogo.cli.upgrading", "Bring the journal of an older gonogo to this one, with a backup."),
        "schema": ("gonogo.cli.showing_schemas", "Print the JSON Schema of a file, or hold a file against it."),
        "completion": ("gonogo.cli.completing", "Print the shell completion script."),
        "demo": ("gonogo.cli.demonstrating", "Show a whole release, a bad one, and every refusal, on real parts."),
    },
    "Release": {
        "plan": ("gonogo.cli.planning", "Show every act that would be done, in order; change nothing."),
        "run": ("gonogo.cli.running", "Open a run of a protocol for a release, and drive it."),
        "status": ("gonogo.cli.looking", "Show where runs are, whom they wait for, why they halted."),
        "review": ("gonogo.cli.reviewing", "Show package, gates, risks and open items of a run in one view."),
        "window": ("gonogo.cli.windows", "Show when production may be touched, and whether it may now."),
        "break-glass": ("gonogo.cli.windows", "Ask that a run may begin in production outside its window."),
        "halt": ("gonogo.cli.stopping", "Stop a run before its next act."),
        "resume": ("gonogo.cli.stopping", "Drive a run on; lift its halt with a signature."),
        "abort": ("gonogo.cli.stopping", "End a run; touched production is rolled back first."),
        "parity": ("gonogo.cli.paring", "Compare staging with production as they are now."),
        "explain": ("gonogo.cli.explaining", "Explain a code of a finding, or a gate of a run."),
        "gate": ("gonogo.cli.gating", "Judge a gate of a run from its sealed evidence; change nothing."),
        "evidence": ("gonogo.cli.evidence", "List the evidence of a run, or print a file of it."),
        "metrics": ("gonogo.cli.metrics", "Show gates and intake over all runs: rates, failures, gaps."),
        "report": ("gonogo.cli.reporting", "Print the report of a run."),
    },
    "People": {
        "approve": ("gonogo.cli.deciding", "Sign a go or no-go, and record it."),
        "acknowledge": ("gonogo.cli.deciding", "Acknowledge a change freeze, and record it."),
        "attest": ("gonogo.cli.deciding", "State a fact that only a person can state, and record it."),
        "waive": ("gonogo.cli.waiving", "Ask for a waiver of a failed gate, or sign one."),
        "dissent": ("gonogo.cli.waiving", "Put a signed objection on record; it stops nothing."),
        "sign-off": ("gonogo.cli.stating", "Sign a run off: complete, as its owner, downstream, received."),
        "consent": ("gonogo.cli.stating", "Accept by signature what is weaker than it should be."),
        "manual": ("gonogo.cli.by_hand", "Answer the questions of a step by hand, signed; it is no measurement."),
        "prepare": ("gonogo.cli.stating", "Write the bytes of any statement, to be signed elsewhere."),
        "hand-in": ("gonogo.cli.stating", "Record a statement that was signed elsewhere."),
        "keys": ("gonogo.cli.keys", "Make, list, enrol and revoke the keys of people."),
        "trust": ("gonogo.cli.trust", "Build and check the files by which others verify."),
        "limits": ("gonogo.cli.governing", "Show or export the limits that gates judge with, and who set them."),
    },
    "Proof": {
        "verify": ("gonogo.cli.verifying", "Verify an evidence package offline, or a run of this project."),
        "sums": ("gonogo.cli.summing", "List the files of a folder with their SHA-256."),
        "audit": ("gonogo.cli.auditing", "List all changes of a period, with evidence and gaps for an auditor."),
        "witness": ("gonogo.cli.witness", "Keep checkpoints of logs, or hand ours to somebody who does."),
        "hold": ("gonogo.cli.holding", "Sign that files are kept longer, let go again, or erased."),
        "retrieve": ("gonogo.cli.holding", "Get a file back out of the archive, verified first."),
        "cleanup": ("gonogo.cli.cleaning", "Show, and with --apply delete, what has outlived its time."),
        "handoff": ("gonogo.cli.handing", "Compute the handoff of a run; sign it; go on with the next protocol."),
        "receive": ("gonogo.cli.handing", "Verify a handed-over package and sign its receipt."),
    },
    "Documents": {
        "lint": ("gonogo.cli.linting", "Say what is wrong in protocol documents; repair what can be repaired."),
        "fmt": ("gonogo.cli.formatting", "Show or write the canonical layout of a document."),
        "compile": ("gonogo.cli.locking", "Write the lock of a document, which runs are then held to."),
        "diff": ("gonogo.cli.comparing", "Show what became stronger or weaker between two revisions."),
        "prove": ("gonogo.cli.proving", "Prove that no way leads to production round a guard."),
        "graph": ("gonogo.cli.graphing", "Draw a protocol, or a set and its artifacts."),
        "generate": ("gonogo.cli.generating", "Turn a filled form into a protocol and its bindings."),
        "analyze": ("gonogo.cli.layering", "Write the layer map of a document, also against its form."),
        "accept": ("gonogo.cli.layering", "Judge a document by the acceptance checklist."),
        "lsp": ("gonogo.cli.editing", "Serve editors over standard input and output."),
        "apply": ("gonogo.cli.applying", "Go on with the next protocol, as `@apply PATH` in a handoff says."),
    },
    "Agents": {
        "agent": ("gonogo.cli.agents", "Let AI agents in by tokens, list them, take them back."),
    },
    "Scripts and CI": {
        "script": ("gonogo.cli.scripting", "Carry out a script that a document names; its front end calls this."),
        "scripts": ("gonogo.cli.registering", "List the scripts as they really are, with drift against the documents."),
        "check-scripts": ("gonogo.cli.trying", "Show at a fake target that a dry run of your scripts changes nothing."),
        "ci": ("gonogo.cli.pipelines", "Write CI workflows; report the gates of a run to a CI system."),
    },
}
COMMANDS: Mapping[str, tuple[str, str]] = {name: told for part in SECTIONS.values() for name, told in part.items()}

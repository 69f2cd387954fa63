"""What the OpenSSH client prints when it fails, said so that one knows what to type next."""

from __future__ import annotations

from dataclasses import dataclass

from edgenas.device_profiles.connection import Connection

__all__ = ["SshFailure", "explain_failure"]


@dataclass(frozen=True, slots=True)
class SshFailure:
    """Why a connection did not come about or broke.

    Attributes:
        text: what happened, on one line.
        next_command: what to type next; empty where there is nothing to do but wait.
        passing: whether it may work again by itself, after a restart of the board for example.
        broken: whether there was a connection and it ended, so that another try at once makes sense.
    """

    text: str
    next_command: str = ""
    passing: bool = False
    broken: bool = False

    def __str__(self) -> str:
        return f"{self.text}\nNext: {self.next_command}" if self.next_command else self.text


def explain_failure(printed: str, exit_code: int | None, connection: Connection) -> SshFailure:
    """Explains the end of an ssh process.

    Args:
        printed: its stderr. The messages looked for are those of OpenSSH (sshconnect.c, sshconnect2.c, readconf.c,
            misc.c, authfile.c), which are in English whatever the language of the system, but for the reason in them.
        exit_code: its exit code: 255 for failures of ssh itself, else that of the remote program; None for unknown.
        connection: what it connected to.
    """
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    last = lines[-1][:300].rstrip(".") if lines else ""
    ssh = " ".join(["ssh", *_options(connection)])
    for words, text, next_command, passing in _KNOWN:
        line = next((line for line in lines if any(word in line for word in words)), None)
        if line is not None and exit_code in (255, None):
            values = {
                "target": connection.target,
                "ssh": ssh,
                "options": " ".join(_options(connection)),
                "host": _known_hosts_name(connection),
                "line": line[:300],
            }
            return SshFailure(text.format(**values), next_command.format(**values), passing)
    if exit_code == 255 or exit_code is None or exit_code < 0:
        text = f"the connection to {connection.target} broke off" + (f": {last}" if last else "")
        return SshFailure(text, passing=True, broken=True)
    return SshFailure(
        f"the program on {connection.target} ended with exit code {exit_code}"
        + (f": {last}" if last else ""),
        f"{ssh} python3 --version",
        passing=True,
    )


# (what a line holds, what it means, what to type, whether it passes), the most telling first.
_KNOWN = (
    (
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", "host key has changed"),
        "{target} shows another host key than the one that is known: it was set up anew, or it is another machine",
        "ssh-keygen -R '{host}'   # if it was set up anew; then: {ssh}",
        False,
    ),
    (
        ("Host key verification failed", "No matching host key"),
        "the host key of {target} is not known yet, and nobody is asked here",
        "{ssh} true   # compare the fingerprint with the board's, answer yes",
        False,
    ),
    (
        ("UNPROTECTED PRIVATE KEY FILE", "bad permissions"),
        "the private key may be read by others, so ssh does not use it ({line})",
        "chmod 600 KEYFILE",
        False,
    ),
    (
        ("Permission denied", "Too many authentication failures", "No supported authentication methods"),
        "{target} refuses the login ({line}); a key is needed, passwords are not asked for",
        "ssh-copy-id {options}",
        False,
    ),
    (
        ("Could not resolve hostname",),
        "there is no host of that name: {line}",
        "ping HOST   # or the board's address instead of its name; names of ~/.ssh/config work too",
        False,
    ),
    (
        ("Connection refused",),
        "{target} is there but takes no ssh connections: {line}",
        "sudo systemctl enable --now ssh   # on the board; and compare the port",
        True,
    ),
    (
        ("timed out", "No route to host", "Network is unreachable", "Host is down", "Connection timed out"),
        "{target} does not answer: {line}",
        "ping HOST   # is it switched on, and in this network?",
        True,
    ),
    (
        (
            "Bad configuration option",
            "Can't open user config file",
            "terminating,",
            "Bad owner or permissions on",
        ),
        "ssh does not take its configuration: {line}",
        "ssh -G {options}",
        False,
    ),
    (
        ("no mutual signature", "Unable to negotiate"),
        "{target} and this ssh have no method in common: {line}",
        "{ssh} -v",
        False,
    ),
)


def _options(connection: Connection) -> list[str]:
    """Options and host as a user would type them."""
    words = ["-F", connection.config] if connection.config else []
    words += ["-i", connection.identity] if connection.identity else []
    words += ["-p", str(connection.port)] if connection.port else []
    return [*words, f"{connection.user}@{connection.host}" if connection.user else connection.host]


def _known_hosts_name(connection: Connection) -> str:
    return f"[{connection.host}]:{connection.port}" if connection.port not in (0, 22) else connection.host

"""Starts stand-ins for logind and the notification service on the bus, and does what it reads, a line each.

Each line is answered by one line of JSON.
"""

import json
import subprocess
import sys
import time

import dbus

MOCK = "org.freedesktop.DBus.Mock"
LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1")
NOTIFICATIONS = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications")


def start(bus, kind, template, name):
    mock = subprocess.Popen(
        [sys.executable, "-m", "dbusmock", kind, "--template", template],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while not bus.name_has_owner(name):
        if mock.poll() is not None:
            sys.exit("the stand-in for " + name + " has ended")
        time.sleep(0.01)


def main():
    bus = dbus.SystemBus()
    start(bus, "--system", "logind", LOGIND[0])
    start(bus, "--session", "notification_daemon", NOTIFICATIONS[0])
    logind = dbus.Interface(bus.get_object(*LOGIND), MOCK)
    notifications = dbus.Interface(bus.get_object(*NOTIFICATIONS), MOCK)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "sleep":
            value = dbus.Boolean(rest == "true", variant_level=1)
            logind.EmitSignal(LOGIND[0] + ".Manager", "PrepareForSleep", "b", [value])
            answer = "done"
        else:
            answer = [
                {"app": call[0], "summary": call[3], "body": call[4]}
                for _, call in notifications.GetMethodCalls("Notify")
            ]
        print(json.dumps(answer), flush=True)


main()

//! What the power manager says of a sleep, and what follows from it.

/// A message of the root power domain (`IOKit/IOMessage.h`, `IORegisterForSystemPower`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// May the machine sleep, since nobody uses it? It waits for an answer, for up to 30 s.
    MaySleep,
    /// The machine is going to sleep. It waits for an answer, for up to 30 s.
    WillSleep,
    /// It is not going to sleep after all: somebody has said no to [`Self::MaySleep`].
    WillNotSleep,
    /// It wakes up for its user; hardware is being powered on.
    WillPowerOn,
    /// It is awake for its user.
    HasPoweredOn,
    /// One that this program has no use for: volumes, shutting down…
    Other,
}

/// `iokit_common_msg` of `IOKit/IOReturn.h`: `err_system(0x38) | sub_iokit_common | message`.
const fn common(message: u32) -> u32 {
    (0x38 << 26) | message
}

impl Message {
    pub(super) const fn of(number: u32) -> Self {
        const MAY_SLEEP: u32 = common(0x270);
        const WILL_SLEEP: u32 = common(0x280);
        const WILL_NOT_SLEEP: u32 = common(0x290);
        const HAS_POWERED_ON: u32 = common(0x300);
        const WILL_POWER_ON: u32 = common(0x320);
        match number {
            MAY_SLEEP => Self::MaySleep,
            WILL_SLEEP => Self::WillSleep,
            WILL_NOT_SLEEP => Self::WillNotSleep,
            WILL_POWER_ON => Self::WillPowerOn,
            HAS_POWERED_ON => Self::HasPoweredOn,
            _ => Self::Other,
        }
    }

    /// Whether the system waits until `IOAllowPowerChange` is called. For the others it must not be.
    pub(super) const fn awaits_answer(self) -> bool {
        match self {
            Self::MaySleep | Self::WillSleep => true,
            Self::WillNotSleep | Self::WillPowerOn | Self::HasPoweredOn | Self::Other => false,
        }
    }
}

/// Where the machine is between two full wakes, by the messages alone.
///
/// A dark wake (Power Nap, maintenance, a network packet) lights no display, and programs hear nothing of it: they were told of
/// the sleep when the display went dark, and hear [`Message::HasPoweredOn`] when it comes back, also when the sleep was called off
/// at the last moment. The sleeps after that go unannounced, and a dark wake that turns into a full one has no [`Message::WillPowerOn`]
/// (`tellChangeDown`, `tellChangeUp`, `handleOurPowerChangeStart` and `…Done` in xnu's `iokit/Kernel/IOPMrootDomain.cpp`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// For its user.
    #[default]
    Awake,
    /// A sleep was announced: it sleeps, or is awake in the dark.
    Asleep,
    /// It woke up for its user, which nobody has been told yet.
    Woken,
}

impl Phase {
    /// A second sleep before the wake is told takes the wake back: the next one tells of both.
    pub(super) const fn after(self, message: Message) -> Self {
        match (message, self) {
            (Message::WillSleep, _) => Self::Asleep,
            (Message::HasPoweredOn, _) | (Message::WillNotSleep, Self::Asleep) => Self::Woken,
            (
                Message::WillNotSleep | Message::MaySleep | Message::WillPowerOn | Message::Other,
                phase,
            ) => phase,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(messages: &[Message]) -> Phase {
        messages
            .iter()
            .fold(Phase::Awake, |phase, message| phase.after(*message))
    }

    #[test]
    fn only_what_asks_is_answered() {
        for (number, message, answered) in [
            (0xe000_0270, Message::MaySleep, true),
            (0xe000_0280, Message::WillSleep, true),
            (0xe000_0290, Message::WillNotSleep, false),
            (0xe000_0300, Message::HasPoweredOn, false),
            (0xe000_0320, Message::WillPowerOn, false),
            // kIOMessageSystemWillPowerOff, and one that this program does not know.
            (0xe000_0250, Message::Other, false),
            (0xe000_0340, Message::Other, false),
        ] {
            assert_eq!(Message::of(number), message, "{number:x}");
            assert_eq!(message.awaits_answer(), answered, "{message:?}");
        }
    }

    #[test]
    fn a_sleep_lasts_until_the_machine_is_awake_for_its_user() {
        use Message::{HasPoweredOn, MaySleep, Other, WillNotSleep, WillPowerOn, WillSleep};
        assert_eq!(after(&[MaySleep, WillNotSleep]), Phase::Awake);
        assert_eq!(after(&[MaySleep, WillSleep, Other]), Phase::Asleep);
        assert_eq!(after(&[WillSleep, WillSleep, WillPowerOn]), Phase::Asleep);
        let woken = [WillSleep, WillPowerOn, HasPoweredOn];
        assert_eq!(after(&woken), Phase::Woken);
        assert_eq!(after(&[WillSleep, WillNotSleep]), Phase::Woken);
        assert_eq!(after(&[WillSleep, HasPoweredOn, WillSleep]), Phase::Asleep);
        assert_eq!(after(&[HasPoweredOn]), Phase::Woken);
    }
}

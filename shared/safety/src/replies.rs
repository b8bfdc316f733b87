//! The replies of Kai in a crisis, written by people.

use super::Language;

/// Returns the reply to a message about a crisis. Send it with [`resources`](super::resources()).
pub fn crisis_reply(language: Language) -> &'static str {
    match language {
        Language::English => {
            "I'm really glad you wrote this here. It sounds as if something very painful is going on, and you don't have to carry it \
             alone.\n\n\
             I am Kai, a computer program. I am not a person and not an emergency service, and I cannot send help to you. There are \
             people who can be with you in this, right now: the services listed with this message answer calls or messages and are \
             there for exactly this. If you are in danger, have already hurt yourself or might act on these thoughts, please call \
             your local emergency number now.\n\n\
             If you can, tell someone near you how bad it is, and don't stay alone; put some distance between you and anything you \
             might use to hurt yourself. If you are worried about somebody else, these services will help you to help them.\n\n\
             If I have misread you, I am sorry; I would rather ask once too often. Either way you can go on writing to me: what is \
             happening for you right now?"
        }
        Language::German => {
            "Gut, dass du das hier schreibst. Es klingt, als ginge es dir gerade sehr schlecht, und damit musst du nicht allein \
             bleiben.\n\n\
             Ich bin Kai, ein Computerprogramm. Ich bin kein Mensch und kein Notdienst, und ich kann dir keine Hilfe schicken. Es gibt \
             aber Menschen, die jetzt für dich da sein können: Die Stellen, die bei dieser Nachricht stehen, sind per Telefon oder Chat \
             genau dafür zu erreichen. Wenn du in Gefahr bist, dich schon verletzt hast oder den Gedanken nachgeben könntest, ruf bitte \
             sofort den Notruf an, in Europa die 112.\n\n\
             Wenn es geht, sag jemandem in deiner Nähe, wie schlimm es ist, und bleib nicht allein; bring Abstand zwischen dich und \
             alles, womit du dir etwas tun könntest. Wenn du dir um jemand anderen Sorgen machst, beraten dich diese Stellen auch \
             dabei.\n\n\
             Falls ich dich falsch verstanden habe, tut es mir leid; ich frage lieber einmal zu viel. Du kannst mir auf jeden Fall \
             weiter schreiben: Was ist gerade los bei dir?"
        }
        Language::Spanish => {
            "Me alegra de verdad que lo hayas escrito aquí. Parece que estás pasando por algo muy doloroso, y no tienes que llevarlo a \
             solas.\n\n\
             Soy Kai, un programa de ordenador. No soy una persona ni un servicio de emergencias, y no puedo enviarte ayuda. Pero hay \
             personas que pueden acompañarte ahora mismo: los servicios que aparecen con este mensaje atienden por teléfono o por chat y \
             están justamente para esto. Si estás en peligro, si ya te has hecho daño o si crees que podrías llegar a hacerlo, llama ya \
             al número de emergencias de tu país.\n\n\
             Si puedes, cuéntale a alguien cercano lo mal que estás y no te quedes a solas; pon distancia entre tú y cualquier cosa con \
             la que podrías hacerte daño. Si te preocupa otra persona, estos servicios también te orientan para ayudarla.\n\n\
             Si te he entendido mal, lo siento; prefiero preguntar de más. En cualquier caso puedes seguir escribiéndome: ¿qué te está \
             pasando ahora mismo?"
        }
    }
}

/// Returns the replacement of a model reply that is withheld. Send it with
/// [`resources`](super::resources()).
pub fn withheld_reply(language: Language) -> &'static str {
    match language {
        Language::English => {
            "I am not going to show you the answer I had, because it could have done harm. I am Kai, a computer program, and I get \
             things wrong.\n\n\
             If you are thinking about hurting yourself or about dying, please talk to a person now: the services listed with this \
             message are there for that, and in danger your local emergency number is. You matter, and you can go on writing to me: \
             what is on your mind?"
        }
        Language::German => {
            "Die Antwort, die ich hatte, zeige ich dir nicht, denn sie hätte schaden können. Ich bin Kai, ein Computerprogramm, und ich \
             mache Fehler.\n\n\
             Wenn du daran denkst, dich zu verletzen oder zu sterben, sprich bitte jetzt mit einem Menschen: Dafür sind die Stellen da, \
             die bei dieser Nachricht stehen, und in Gefahr der Notruf, in Europa die 112. Du bist wichtig, und du kannst mir weiter \
             schreiben: Was beschäftigt dich?"
        }
        Language::Spanish => {
            "No voy a mostrarte la respuesta que tenía, porque podría haber hecho daño. Soy Kai, un programa de ordenador, y me \
             equivoco.\n\n\
             Si estás pensando en hacerte daño o en morir, habla por favor ahora con una persona: para eso están los servicios que \
             aparecen con este mensaje y, si hay peligro, el número de emergencias de tu país. Tú importas, y puedes seguir \
             escribiéndome: ¿qué te preocupa?"
        }
    }
}

//! The words of the error pages, in every language the gateway speaks: short sentences that a twelve-year-old reads.

use super::language::Language;
use super::used_up::used_up;
use crate::base::Period;

/// What went wrong, as far as the client is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Trouble {
    /// The gateway could not make sense of the request (400, 417, 505, …).
    BadRequest,
    /// Nothing here by that name (404).
    NotFound,
    /// Not for this client (403).
    NotAllowed,
    /// Not in this way: the method, or a condition that does not hold (405, 412, 501).
    WrongMethod,
    /// The request's body, address or head is too large (413, 414, 431).
    TooLarge,
    /// The client was too slow in sending (408).
    ClientTooSlow,
    /// The upstream cannot be reached (502, 503): the link is down.
    Unreachable,
    /// The upstream did not answer in time (504).
    UpstreamTooSlow,
    /// The upstream answered in a way that cannot be passed on (502).
    BadAnswer,
    /// Too many connections or requests at this moment (503, 429).
    Busy,
    /// Nobody that is known, and the route wants to know (401).
    NotKnown,
    /// Known, but not allowed to do this (403).
    NoRight,
    /// For TLS only, and it came without (403).
    NotSecure,
    /// More requests than may come in such a time (429).
    TooMany,
    /// An allowance is used up until the calendar's next hour, day or month (429).
    QuotaUsed(Period),
    /// Everybody is served in turn, and it did not come within the wait (503). The page asks again by itself, which only
    /// `GET` can bear; for others say [`Trouble::Busy`].
    Waiting,
    /// What was sent breaks the route's rules on content (400, 422).
    NotAsAgreed,
    /// Content of a type that the route does not take (415).
    WrongType,
    /// It would be known whether the credential still holds if the time were known (503).
    ClockUnsure,
    /// The request went in a circle (508).
    Loop,
    /// A defect of the gateway (500).
    Internal,
    /// The configuration of this place does not work (500, 503).
    Misconfigured,
}

/// Seconds: short enough that nobody reloads by hand, long enough that those who wait are not the load.
const AGAIN: u32 = 5;

/// A title, and a sentence or two on what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

impl Trouble {
    /// In how many seconds the page asks again by itself. Send `Retry-After` with the same number.
    pub(crate) fn again(self) -> Option<u32> {
        match self {
            Trouble::Waiting => Some(AGAIN),
            Trouble::BadRequest
            | Trouble::NotFound
            | Trouble::NotAllowed
            | Trouble::WrongMethod
            | Trouble::TooLarge
            | Trouble::ClientTooSlow
            | Trouble::Unreachable
            | Trouble::UpstreamTooSlow
            | Trouble::BadAnswer
            | Trouble::Busy
            | Trouble::NotKnown
            | Trouble::NoRight
            | Trouble::NotSecure
            | Trouble::TooMany
            | Trouble::QuotaUsed(_)
            | Trouble::NotAsAgreed
            | Trouble::WrongType
            | Trouble::ClockUnsure
            | Trouble::Loop
            | Trouble::Internal
            | Trouble::Misconfigured => None,
        }
    }

    /// For programs: part of the problem's `type`, which never changes.
    pub(super) fn word(self) -> &'static str {
        match self {
            Trouble::BadRequest => "bad-request",
            Trouble::NotFound => "not-found",
            Trouble::NotAllowed => "not-allowed",
            Trouble::WrongMethod => "wrong-method",
            Trouble::TooLarge => "too-large",
            Trouble::ClientTooSlow => "client-too-slow",
            Trouble::Unreachable => "unreachable",
            Trouble::UpstreamTooSlow => "upstream-too-slow",
            Trouble::BadAnswer => "bad-answer",
            Trouble::Busy => "busy",
            Trouble::NotKnown => "not-known",
            Trouble::NoRight => "no-right",
            Trouble::NotSecure => "not-secure",
            Trouble::TooMany => "too-many",
            Trouble::QuotaUsed(_) => "quota-used",
            Trouble::Waiting => "waiting",
            Trouble::NotAsAgreed => "not-as-agreed",
            Trouble::WrongType => "wrong-type",
            Trouble::ClockUnsure => "clock-unsure",
            Trouble::Loop => "loop",
            Trouble::Internal => "internal",
            Trouble::Misconfigured => "misconfigured",
        }
    }

    pub(super) fn words(self, language: Language) -> Words {
        let (title, text) = match language {
            Language::English => self.english(),
            Language::French => self.french(),
            Language::Spanish => self.spanish(),
            Language::Portuguese => self.portuguese(),
            Language::Swahili => self.swahili(),
            Language::Arabic => self.arabic(),
        };
        Words { title, text }
    }

    fn english(self) -> (&'static str, &'static str) {
        match self {
            Trouble::BadRequest => (
                "This request was not understood",
                "The address or the request is not right. Check the address and try again.",
            ),
            Trouble::NotFound => {
                ("Not found here", "There is nothing at this address. Check the spelling, or go back.")
            }
            Trouble::NotAllowed => {
                ("Not allowed", "You cannot open this page from here. Ask the person who looks after this network.")
            }
            Trouble::WrongMethod => ("This cannot be done here", "This page does not accept this kind of request."),
            Trouble::TooLarge => ("Too large", "What was sent is larger than this service accepts."),
            Trouble::ClientTooSlow => ("Too slow", "The request took too long to arrive. Please try again."),
            Trouble::Unreachable => (
                "The link is down",
                "This page cannot be reached at the moment. What was loaded before still works. Please try again later.",
            ),
            Trouble::UpstreamTooSlow => {
                ("No answer in time", "The service took too long to answer. Please try again later.")
            }
            Trouble::BadAnswer => (
                "The answer cannot be used",
                "The service sent an answer that could not be read. Please try again later.",
            ),
            Trouble::Busy => {
                ("Too busy", "Too many people are using the service at the moment. Please wait a little and try again.")
            }
            Trouble::NotKnown => (
                "Please show who you are",
                "This page is for people it knows. Sign in or send your key. If it no longer works, ask the person who looks after this network.",
            ),
            Trouble::NoRight => (
                "Not among what you may do",
                "We know who you are, but this is not open to you. Ask the person who looks after this network.",
            ),
            Trouble::NotSecure => (
                "Only over a secure connection",
                "This page is sent over a secure connection only. Write “https” at the front of the address.",
            ),
            Trouble::TooMany => {
                ("Too many requests", "Many requests came from you in a short time. Wait a moment, then try again.")
            }
            Trouble::QuotaUsed(period) => used_up(Language::English, period),
            Trouble::Waiting => (
                "Please wait for your turn",
                "Everybody is served in turn. This page tries again by itself; leave it open.",
            ),
            Trouble::NotAsAgreed => (
                "Not in the agreed form",
                "What was sent does not have the form that this service expects. Check it and send it again.",
            ),
            Trouble::WrongType => ("Wrong kind of content", "This service does not take content of this kind."),
            Trouble::ClockUnsure => (
                "The clock is not set yet",
                "This device does not know the time yet, so it cannot check who you are. Please try again in a few minutes.",
            ),
            Trouble::Loop => (
                "Going in a circle",
                "This request came back to where it started. Please tell the person who looks after this network.",
            ),
            Trouble::Internal => (
                "Something went wrong here",
                "This is our fault, not yours. Please try again; if it happens again, tell the person who looks after \
                 this network.",
            ),
            Trouble::Misconfigured => (
                "Not set up correctly",
                "This service is not set up correctly. Please tell the person who looks after this network.",
            ),
        }
    }

    fn french(self) -> (&'static str, &'static str) {
        match self {
            Trouble::BadRequest => {
                ("Requête non comprise", "L’adresse ou la requête n’est pas correcte. Vérifiez l’adresse et réessayez.")
            }
            Trouble::NotFound => {
                ("Page introuvable", "Il n’y a rien à cette adresse. Vérifiez l’orthographe ou revenez en arrière.")
            }
            Trouble::NotAllowed => (
                "Accès refusé",
                "Vous ne pouvez pas ouvrir cette page d’ici. Adressez-vous à la personne responsable du réseau.",
            ),
            Trouble::WrongMethod => ("Action impossible ici", "Cette page n’accepte pas ce type de requête."),
            Trouble::TooLarge => ("Trop volumineux", "Ce qui a été envoyé dépasse la taille acceptée par ce service."),
            Trouble::ClientTooSlow => ("Trop lent", "La requête a mis trop de temps à arriver. Veuillez réessayer."),
            Trouble::Unreachable => (
                "La liaison est coupée",
                "Cette page est inaccessible pour le moment. Ce qui a déjà été chargé fonctionne toujours. Réessayez \
                 plus tard.",
            ),
            Trouble::UpstreamTooSlow => {
                ("Pas de réponse à temps", "Le service a mis trop de temps à répondre. Réessayez plus tard.")
            }
            Trouble::BadAnswer => {
                ("Réponse inutilisable", "Le service a envoyé une réponse illisible. Réessayez plus tard.")
            }
            Trouble::Busy => (
                "Trop de demandes",
                "Trop de personnes utilisent le service en ce moment. Patientez un peu et réessayez.",
            ),
            Trouble::NotKnown => (
                "Dites-nous qui vous êtes",
                "Cette page est réservée aux personnes connues. Connectez-vous ou envoyez votre clé. Si elle ne fonctionne plus, adressez-vous à la personne responsable du réseau.",
            ),
            Trouble::NoRight => (
                "Hors de vos droits",
                "Nous savons qui vous êtes, mais ceci ne vous est pas ouvert. Adressez-vous à la personne responsable du réseau.",
            ),
            Trouble::NotSecure => (
                "Connexion sécurisée obligatoire",
                "Cette page n’est envoyée que par une connexion sécurisée. Écrivez « https » au début de l’adresse.",
            ),
            Trouble::TooMany => (
                "Trop de requêtes",
                "Beaucoup de requêtes sont venues de vous en peu de temps. Patientez un instant, puis réessayez.",
            ),
            Trouble::QuotaUsed(period) => used_up(Language::French, period),
            Trouble::Waiting => (
                "Attendez votre tour",
                "Chacun est servi à son tour. Cette page réessaie d’elle-même ; laissez-la ouverte.",
            ),
            Trouble::NotAsAgreed => (
                "Forme non conforme",
                "Ce qui a été envoyé n’a pas la forme attendue par ce service. Vérifiez et renvoyez.",
            ),
            Trouble::WrongType => ("Type de contenu refusé", "Ce service n’accepte pas ce type de contenu."),
            Trouble::ClockUnsure => (
                "L’horloge n’est pas encore réglée",
                "Cet appareil ne connaît pas encore l’heure et ne peut donc pas vérifier qui vous êtes. Réessayez dans quelques minutes.",
            ),
            Trouble::Loop => (
                "La requête tourne en rond",
                "Cette requête est revenue à son point de départ. Prévenez la personne responsable du réseau.",
            ),
            Trouble::Internal => (
                "Un problème est survenu ici",
                "C’est notre faute, pas la vôtre. Réessayez ; si cela se reproduit, prévenez la personne responsable du \
                 réseau.",
            ),
            Trouble::Misconfigured => (
                "Mauvaise configuration",
                "Ce service n’est pas bien configuré. Prévenez la personne responsable du réseau.",
            ),
        }
    }

    fn spanish(self) -> (&'static str, &'static str) {
        match self {
            Trouble::BadRequest => (
                "No se entendió la solicitud",
                "La dirección o la solicitud no es correcta. Revise la dirección e inténtelo de nuevo.",
            ),
            Trouble::NotFound => {
                ("No se encontró", "No hay nada en esta dirección. Revise cómo está escrita o vuelva atrás.")
            }
            Trouble::NotAllowed => {
                ("No permitido", "No puede abrir esta página desde aquí. Pregunte a la persona encargada de la red.")
            }
            Trouble::WrongMethod => ("Esto no se puede hacer aquí", "Esta página no acepta este tipo de solicitud."),
            Trouble::TooLarge => ("Demasiado grande", "Lo que se envió es más grande de lo que acepta este servicio."),
            Trouble::ClientTooSlow => {
                ("Demasiado lento", "La solicitud tardó demasiado en llegar. Inténtelo de nuevo.")
            }
            Trouble::Unreachable => (
                "No hay conexión",
                "En este momento no se puede llegar a esta página. Lo que ya se cargó antes sigue funcionando. Inténtelo \
                 más tarde.",
            ),
            Trouble::UpstreamTooSlow => {
                ("Sin respuesta a tiempo", "El servicio tardó demasiado en responder. Inténtelo más tarde.")
            }
            Trouble::BadAnswer => {
                ("Respuesta no válida", "El servicio envió una respuesta que no se pudo leer. Inténtelo más tarde.")
            }
            Trouble::Busy => (
                "Demasiadas solicitudes",
                "Muchas personas usan el servicio en este momento. Espere un poco e inténtelo de nuevo.",
            ),
            Trouble::NotKnown => (
                "Díganos quién es",
                "Esta página es para personas conocidas. Inicie sesión o envíe su clave. Si ya no funciona, pregunte a la persona encargada de la red.",
            ),
            Trouble::NoRight => (
                "Fuera de sus permisos",
                "Sabemos quién es, pero esto no está abierto para usted. Pregunte a la persona encargada de la red.",
            ),
            Trouble::NotSecure => (
                "Solo por una conexión segura",
                "Esta página solo se envía por una conexión segura. Escriba «https» al principio de la dirección.",
            ),
            Trouble::TooMany => (
                "Demasiadas solicitudes suyas",
                "Llegaron muchas solicitudes suyas en poco tiempo. Espere un momento e inténtelo de nuevo.",
            ),
            Trouble::QuotaUsed(period) => used_up(Language::Spanish, period),
            Trouble::Waiting => (
                "Espere su turno",
                "Se atiende a todos por turno. Esta página lo intenta de nuevo por sí sola; déjela abierta.",
            ),
            Trouble::NotAsAgreed => (
                "No tiene la forma acordada",
                "Lo que se envió no tiene la forma que espera este servicio. Revíselo y envíelo de nuevo.",
            ),
            Trouble::WrongType => ("Tipo de contenido no aceptado", "Este servicio no acepta este tipo de contenido."),
            Trouble::ClockUnsure => (
                "El reloj aún no está en hora",
                "Este equipo aún no sabe la hora y no puede comprobar quién es usted. Inténtelo de nuevo en unos minutos.",
            ),
            Trouble::Loop => (
                "La solicitud da vueltas",
                "Esta solicitud volvió al punto de partida. Avise a la persona encargada de la red.",
            ),
            Trouble::Internal => (
                "Algo falló aquí",
                "Es culpa nuestra, no suya. Inténtelo de nuevo; si se repite, avise a la persona encargada de la red.",
            ),
            Trouble::Misconfigured => {
                ("Mal configurado", "Este servicio no está bien configurado. Avise a la persona encargada de la red.")
            }
        }
    }

    fn portuguese(self) -> (&'static str, &'static str) {
        match self {
            Trouble::BadRequest => (
                "Pedido não compreendido",
                "O endereço ou o pedido não está correto. Verifique o endereço e tente de novo.",
            ),
            Trouble::NotFound => {
                ("Não encontrado", "Não há nada neste endereço. Verifique como está escrito ou volte atrás.")
            }
            Trouble::NotAllowed => {
                ("Não permitido", "Não pode abrir esta página a partir daqui. Fale com a pessoa responsável pela rede.")
            }
            Trouble::WrongMethod => ("Isto não pode ser feito aqui", "Esta página não aceita este tipo de pedido."),
            Trouble::TooLarge => ("Demasiado grande", "O que foi enviado é maior do que este serviço aceita."),
            Trouble::ClientTooSlow => ("Demasiado lento", "O pedido demorou demasiado a chegar. Tente de novo."),
            Trouble::Unreachable => (
                "Sem ligação",
                "De momento não é possível chegar a esta página. O que já foi carregado continua a funcionar. Tente mais \
                 tarde.",
            ),
            Trouble::UpstreamTooSlow => {
                ("Sem resposta a tempo", "O serviço demorou demasiado a responder. Tente mais tarde.")
            }
            Trouble::BadAnswer => {
                ("Resposta inválida", "O serviço enviou uma resposta que não pôde ser lida. Tente mais tarde.")
            }
            Trouble::Busy => (
                "Demasiados pedidos",
                "Há muitas pessoas a usar o serviço neste momento. Espere um pouco e tente de novo.",
            ),
            Trouble::NotKnown => (
                "Diga-nos quem é",
                "Esta página é para pessoas conhecidas. Inicie sessão ou envie a sua chave. Se já não funcionar, fale com a pessoa responsável pela rede.",
            ),
            Trouble::NoRight => (
                "Fora do que lhe é permitido",
                "Sabemos quem é, mas isto não está aberto para si. Fale com a pessoa responsável pela rede.",
            ),
            Trouble::NotSecure => (
                "Só por uma ligação segura",
                "Esta página só é enviada por uma ligação segura. Escreva «https» no início do endereço.",
            ),
            Trouble::TooMany => (
                "Demasiados pedidos seus",
                "Chegaram muitos pedidos seus em pouco tempo. Espere um momento e tente de novo.",
            ),
            Trouble::QuotaUsed(period) => used_up(Language::Portuguese, period),
            Trouble::Waiting => {
                ("Espere pela sua vez", "Todos são servidos à vez. Esta página tenta de novo sozinha; deixe-a aberta.")
            }
            Trouble::NotAsAgreed => (
                "Não está na forma combinada",
                "O que foi enviado não tem a forma que este serviço espera. Verifique e envie de novo.",
            ),
            Trouble::WrongType => ("Tipo de conteúdo não aceite", "Este serviço não aceita este tipo de conteúdo."),
            Trouble::ClockUnsure => (
                "O relógio ainda não está certo",
                "Este aparelho ainda não sabe as horas e não pode verificar quem é. Tente de novo dentro de alguns minutos.",
            ),
            Trouble::Loop => (
                "O pedido anda em círculo",
                "Este pedido voltou ao ponto de partida. Avise a pessoa responsável pela rede.",
            ),
            Trouble::Internal => (
                "Algo correu mal aqui",
                "A culpa é nossa, não sua. Tente de novo; se voltar a acontecer, avise a pessoa responsável pela rede.",
            ),
            Trouble::Misconfigured => {
                ("Mal configurado", "Este serviço não está bem configurado. Avise a pessoa responsável pela rede.")
            }
        }
    }

    fn swahili(self) -> (&'static str, &'static str) {
        match self {
            Trouble::BadRequest => {
                ("Ombi halikueleweka", "Anwani au ombi si sahihi. Angalia anwani kisha ujaribu tena.")
            }
            Trouble::NotFound => {
                ("Haipatikani hapa", "Hakuna kitu kwenye anwani hii. Angalia jinsi ilivyoandikwa, au rudi nyuma.")
            }
            Trouble::NotAllowed => {
                ("Hairuhusiwi", "Huruhusiwi kufungua ukurasa huu ukiwa hapa. Muulize msimamizi wa mtandao.")
            }
            Trouble::WrongMethod => ("Hili haliwezi kufanyika hapa", "Ukurasa huu haukubali ombi la aina hii."),
            Trouble::TooLarge => ("Kubwa mno", "Kilichotumwa ni kikubwa kuliko kinachokubaliwa na huduma hii."),
            Trouble::ClientTooSlow => ("Polepole mno", "Ombi limechukua muda mrefu mno kufika. Tafadhali jaribu tena."),
            Trouble::Unreachable => (
                "Mtandao umekatika",
                "Ukurasa huu haupatikani kwa sasa. Kilichofunguliwa awali bado kinafanya kazi. Tafadhali jaribu tena \
                 baadaye.",
            ),
            Trouble::UpstreamTooSlow => {
                ("Hakuna jibu kwa wakati", "Huduma imechukua muda mrefu mno kujibu. Tafadhali jaribu tena baadaye.")
            }
            Trouble::BadAnswer => {
                ("Jibu halisomeki", "Huduma imetuma jibu lisiloweza kusomwa. Tafadhali jaribu tena baadaye.")
            }
            Trouble::Busy => {
                ("Kuna maombi mengi mno", "Watu wengi wanatumia huduma kwa sasa. Subiri kidogo kisha ujaribu tena.")
            }
            Trouble::NotKnown => (
                "Tafadhali jitambulishe",
                "Ukurasa huu ni kwa watu wanaojulikana. Ingia au tuma ufunguo wako. Ukiwa haufanyi kazi tena, muulize msimamizi wa mtandao.",
            ),
            Trouble::NoRight => (
                "Huna ruhusa ya hili",
                "Tunakufahamu, lakini hili halijafunguliwa kwako. Muulize msimamizi wa mtandao.",
            ),
            Trouble::NotSecure => (
                "Kwa muunganisho salama tu",
                "Ukurasa huu hutumwa kwa muunganisho salama tu. Andika “https” mwanzoni mwa anwani.",
            ),
            Trouble::TooMany => (
                "Umetuma maombi mengi mno",
                "Maombi mengi yametoka kwako kwa muda mfupi. Subiri kidogo, kisha ujaribu tena.",
            ),
            Trouble::QuotaUsed(period) => used_up(Language::Swahili, period),
            Trouble::Waiting => (
                "Tafadhali subiri zamu yako",
                "Kila mtu anahudumiwa kwa zamu. Ukurasa huu utajaribu tena wenyewe; uache wazi.",
            ),
            Trouble::NotAsAgreed => (
                "Si katika muundo uliokubaliwa",
                "Kilichotumwa hakina muundo ambao huduma hii inatarajia. Kikague kisha ukitume tena.",
            ),
            Trouble::WrongType => ("Aina ya maudhui haikubaliwi", "Huduma hii haipokei maudhui ya aina hii."),
            Trouble::ClockUnsure => (
                "Saa bado haijawekwa",
                "Kifaa hiki bado hakijui saa, kwa hiyo hakiwezi kuthibitisha wewe ni nani. Tafadhali jaribu tena baada ya dakika chache.",
            ),
            Trouble::Loop => {
                ("Ombi linazunguka", "Ombi hili limerudi lilikoanzia. Tafadhali mjulishe msimamizi wa mtandao.")
            }
            Trouble::Internal => (
                "Hitilafu imetokea hapa",
                "Ni kosa letu, si lako. Jaribu tena; ikitokea tena, mjulishe msimamizi wa mtandao.",
            ),
            Trouble::Misconfigured => {
                ("Haijawekwa sawa", "Huduma hii haijawekwa sawa. Tafadhali mjulishe msimamizi wa mtandao.")
            }
        }
    }

    fn arabic(self) -> (&'static str, &'static str) {
        match self {
            Trouble::BadRequest => ("لم يُفهم الطلب", "العنوان أو الطلب غير صحيح. تحقق من العنوان ثم حاول مرة أخرى."),
            Trouble::NotFound => ("غير موجود هنا", "لا يوجد شيء في هذا العنوان. تحقق من كتابته أو ارجع إلى الخلف."),
            Trouble::NotAllowed => ("غير مسموح", "لا يمكنك فتح هذه الصفحة من هنا. اسأل المسؤول عن الشبكة."),
            Trouble::WrongMethod => ("لا يمكن فعل ذلك هنا", "هذه الصفحة لا تقبل هذا النوع من الطلبات."),
            Trouble::TooLarge => ("كبير جدًا", "ما أُرسل أكبر مما تقبله هذه الخدمة."),
            Trouble::ClientTooSlow => ("بطيء جدًا", "استغرق وصول الطلب وقتًا طويلًا. حاول مرة أخرى."),
            Trouble::Unreachable => {
                ("الاتصال مقطوع", "لا يمكن الوصول إلى هذه الصفحة الآن. ما فُتح من قبل ما زال يعمل. حاول لاحقًا.")
            }
            Trouble::UpstreamTooSlow => ("لا رد في الوقت المحدد", "استغرقت الخدمة وقتًا طويلًا في الرد. حاول لاحقًا."),
            Trouble::BadAnswer => ("رد غير صالح", "أرسلت الخدمة ردًا لا يمكن قراءته. حاول لاحقًا."),
            Trouble::Busy => ("طلبات كثيرة", "يستخدم الخدمة الآن عدد كبير من الناس. انتظر قليلًا ثم حاول مرة أخرى."),
            Trouble::NotKnown => (
                "عرّف بنفسك من فضلك",
                "هذه الصفحة لمن هم معروفون لديها. سجّل الدخول أو أرسل مفتاحك. إذا لم يعد يعمل فاسأل المسؤول عن الشبكة.",
            ),
            Trouble::NoRight => ("ليس ضمن صلاحياتك", "نعرف من أنت، لكن هذا غير متاح لك. اسأل المسؤول عن الشبكة."),
            Trouble::NotSecure => {
                ("عبر اتصال آمن فقط", "لا تُرسل هذه الصفحة إلا عبر اتصال آمن. اكتب «https» في بداية العنوان.")
            }
            Trouble::TooMany => ("طلباتك كثيرة", "وصلت منك طلبات كثيرة في وقت قصير. انتظر لحظة ثم حاول مرة أخرى."),
            Trouble::QuotaUsed(period) => used_up(Language::Arabic, period),
            Trouble::Waiting => {
                ("انتظر دورك من فضلك", "يُخدم الجميع بالدور. تحاول هذه الصفحة مرة أخرى من تلقاء نفسها؛ اتركها مفتوحة.")
            }
            Trouble::NotAsAgreed => {
                ("ليس بالشكل المتفق عليه", "ما أُرسل ليس بالشكل الذي تتوقعه هذه الخدمة. تحقق منه ثم أرسله مرة أخرى.")
            }
            Trouble::WrongType => ("نوع محتوى غير مقبول", "لا تقبل هذه الخدمة محتوى من هذا النوع."),
            Trouble::ClockUnsure => (
                "لم تُضبط الساعة بعد",
                "لا يعرف هذا الجهاز الوقت بعد، فلا يستطيع التحقق من هويتك. حاول مرة أخرى بعد بضع دقائق.",
            ),
            Trouble::Loop => ("الطلب يدور في حلقة", "عاد هذا الطلب إلى حيث بدأ. أبلغ المسؤول عن الشبكة."),
            Trouble::Internal => {
                ("حدث خطأ هنا", "الخطأ منا وليس منك. حاول مرة أخرى، وإذا تكرر فأبلغ المسؤول عن الشبكة.")
            }
            Trouble::Misconfigured => ("إعداد غير صحيح", "هذه الخدمة ليست معدّة بشكل صحيح. أبلغ المسؤول عن الشبكة."),
        }
    }
}

#[cfg(test)]
impl Trouble {
    pub(super) const ALL: [Trouble; 24] = [
        Trouble::BadRequest,
        Trouble::NotFound,
        Trouble::NotAllowed,
        Trouble::WrongMethod,
        Trouble::TooLarge,
        Trouble::ClientTooSlow,
        Trouble::Unreachable,
        Trouble::UpstreamTooSlow,
        Trouble::BadAnswer,
        Trouble::Busy,
        Trouble::NotKnown,
        Trouble::NoRight,
        Trouble::NotSecure,
        Trouble::TooMany,
        Trouble::QuotaUsed(Period::Hour),
        Trouble::QuotaUsed(Period::Day),
        Trouble::QuotaUsed(Period::Month),
        Trouble::Waiting,
        Trouble::NotAsAgreed,
        Trouble::WrongType,
        Trouble::ClockUnsure,
        Trouble::Loop,
        Trouble::Internal,
        Trouble::Misconfigured,
    ];
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_trouble_has_its_own_words_in_every_language() {
        let (mut seen, mut titles) = (HashSet::new(), HashSet::new());
        for trouble in Trouble::ALL {
            for language in Language::ALL {
                let words = trouble.words(language);
                assert!(seen.insert(words.text), "{trouble:?} {language:?}");
                assert!(titles.insert((language, words.title)), "{trouble:?} {language:?}");
                assert!(words.text.ends_with('.') && !words.title.ends_with('.'), "{trouble:?} {language:?}");
            }
        }
    }

    #[test]
    fn programs_tell_troubles_apart() {
        let words: HashSet<_> = Trouble::ALL.map(Trouble::word).into_iter().collect();
        let kinds: HashSet<_> = Trouble::ALL.iter().map(std::mem::discriminant).collect();
        assert_eq!(words.len(), kinds.len());
    }
}

//! The words of the start page, in every language the gateway speaks.

use super::language::Language;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Welcome {
    /// Above the list.
    pub(super) here: &'static str,
    pub(super) link_up: &'static str,
    pub(super) link_down: &'static str,
    /// There are routes, and none for everybody.
    pub(super) closed: &'static str,
    /// The file cannot be used, and no earlier one is there.
    pub(super) broken: &'static str,
    /// There is no route at all.
    pub(super) unset: &'static str,
    /// To whoever can change that.
    pub(super) set_up: &'static str,
}

pub(super) fn welcome(language: Language) -> Welcome {
    match language {
        Language::English => Welcome {
            here: "What is here",
            link_up: "The link to the Internet is up.",
            link_down: "The link to the Internet is down at the moment. What was loaded before still works.",
            closed: "Nothing here is open to everybody. Ask the person who looks after this network.",
            broken: "There is a mistake in the file hafir.ini, so nothing can be shown here. Please tell the person who looks \
                     after this network.",
            unset: "Nothing is set up here yet.",
            set_up: "Do you look after this device? Open the file hafir.ini with a text editor, write down what is to be \
                     shown here, then start the device again.",
        },
        Language::French => Welcome {
            here: "Ce qu’il y a ici",
            link_up: "La liaison à Internet fonctionne.",
            link_down: "La liaison à Internet est coupée pour le moment. Ce qui a déjà été chargé fonctionne toujours.",
            closed: "Rien ici n’est ouvert à tous. Adressez-vous à la personne responsable du réseau.",
            broken: "Il y a une erreur dans le fichier hafir.ini, donc rien ne peut être montré ici. Prévenez la personne \
                     responsable du réseau.",
            unset: "Rien n’est encore configuré ici.",
            set_up: "Vous êtes responsable de cet appareil ? Ouvrez le fichier hafir.ini avec un éditeur de texte, \
                     écrivez-y ce qui doit être montré ici, puis redémarrez l’appareil.",
        },
        Language::Spanish => Welcome {
            here: "Lo que hay aquí",
            link_up: "La conexión a Internet funciona.",
            link_down: "En este momento no hay conexión a Internet. Lo que ya se cargó antes sigue funcionando.",
            closed: "Aquí no hay nada abierto a todos. Pregunte a la persona encargada de la red.",
            broken: "Hay un error en el archivo hafir.ini, por eso aquí no se puede mostrar nada. Avise a la persona encargada \
                     de la red.",
            unset: "Aquí todavía no hay nada configurado.",
            set_up: "¿Se encarga usted de este aparato? Abra el archivo hafir.ini con un editor de texto, escriba en él lo \
                     que se debe mostrar aquí y vuelva a encender el aparato.",
        },
        Language::Portuguese => Welcome {
            here: "O que há aqui",
            link_up: "A ligação à Internet funciona.",
            link_down: "De momento não há ligação à Internet. O que já foi carregado continua a funcionar.",
            closed: "Aqui não há nada aberto a todos. Fale com a pessoa responsável pela rede.",
            broken: "Há um erro no ficheiro hafir.ini, por isso aqui não se pode mostrar nada. Avise a pessoa responsável \
                     pela rede.",
            unset: "Aqui ainda não há nada configurado.",
            set_up: "É responsável por este aparelho? Abra o ficheiro hafir.ini com um editor de texto, escreva nele o que \
                     deve ser mostrado aqui e ligue o aparelho de novo.",
        },
        Language::Swahili => Welcome {
            here: "Vilivyopo hapa",
            link_up: "Mtandao wa intaneti unafanya kazi.",
            link_down: "Mtandao wa intaneti umekatika kwa sasa. Kilichofunguliwa awali bado kinafanya kazi.",
            closed: "Hapa hakuna kilicho wazi kwa kila mtu. Muulize msimamizi wa mtandao.",
            broken: "Kuna kosa katika faili hafir.ini, kwa hiyo hapa hakuna kinachoweza kuonyeshwa. Tafadhali mjulishe \
                     msimamizi wa mtandao.",
            unset: "Hapa bado hakujawekwa kitu.",
            set_up: "Je, unasimamia kifaa hiki? Fungua faili hafir.ini kwa kihariri cha maandishi, andika kinachopaswa \
                     kuonyeshwa hapa, kisha washa kifaa tena.",
        },
        Language::Arabic => Welcome {
            here: "ما يوجد هنا",
            link_up: "الاتصال بالإنترنت يعمل.",
            link_down: "الاتصال بالإنترنت مقطوع الآن. ما فُتح من قبل ما زال يعمل.",
            closed: "لا يوجد هنا شيء مفتوح للجميع. اسأل المسؤول عن الشبكة.",
            broken: "يوجد خطأ في الملف hafir.ini، لذلك لا يمكن عرض شيء هنا. أبلغ المسؤول عن الشبكة.",
            unset: "لم يُعَدّ هنا شيء بعد.",
            set_up: "هل أنت المسؤول عن هذا الجهاز؟ افتح الملف hafir.ini ببرنامج لتحرير النصوص، واكتب فيه ما يجب أن يظهر هنا، \
                     ثم أعد تشغيل الجهاز.",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_its_own_words() {
        let all = Language::ALL.map(welcome);
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                assert!(one.here != other.here && one.set_up != other.set_up && one.broken != other.broken);
            }
            assert!(one.set_up.contains("hafir.ini") && one.set_up.len() < 400);
        }
    }
}

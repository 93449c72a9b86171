//! The words for an allowance that is used up, by the period after which it begins anew.

use super::language::Language;
use crate::base::Period;

/// A title, and a sentence or two.
pub(super) fn used_up(language: Language, period: Period) -> (&'static str, &'static str) {
    match (language, period) {
        (Language::English, Period::Hour) => {
            ("Used up for this hour", "What you may use in one hour is used up. It begins anew with the next hour.")
        }
        (Language::English, Period::Day) => {
            ("Used up for today", "What you may use in one day is used up. It begins anew at midnight.")
        }
        (Language::English, Period::Month) => (
            "Used up for this month",
            "What you may use in one month is used up. It begins anew on the first day of next month.",
        ),
        (Language::French, Period::Hour) => (
            "Épuisé pour cette heure",
            "Ce que vous pouvez utiliser en une heure est épuisé. Cela recommence à l’heure suivante.",
        ),
        (Language::French, Period::Day) => {
            ("Épuisé pour aujourd’hui", "Ce que vous pouvez utiliser en un jour est épuisé. Cela recommence à minuit.")
        }
        (Language::French, Period::Month) => (
            "Épuisé pour ce mois",
            "Ce que vous pouvez utiliser en un mois est épuisé. Cela recommence le premier jour du mois prochain.",
        ),
        (Language::Spanish, Period::Hour) => {
            ("Agotado por esta hora", "Lo que puede usar en una hora se agotó. Empieza de nuevo con la próxima hora.")
        }
        (Language::Spanish, Period::Day) => {
            ("Agotado por hoy", "Lo que puede usar en un día se agotó. Empieza de nuevo a medianoche.")
        }
        (Language::Spanish, Period::Month) => (
            "Agotado por este mes",
            "Lo que puede usar en un mes se agotó. Empieza de nuevo el primer día del próximo mes.",
        ),
        (Language::Portuguese, Period::Hour) => {
            ("Esgotado por esta hora", "O que pode usar numa hora está esgotado. Recomeça na próxima hora.")
        }
        (Language::Portuguese, Period::Day) => {
            ("Esgotado por hoje", "O que pode usar num dia está esgotado. Recomeça à meia-noite.")
        }
        (Language::Portuguese, Period::Month) => {
            ("Esgotado por este mês", "O que pode usar num mês está esgotado. Recomeça no primeiro dia do próximo mês.")
        }
        (Language::Swahili, Period::Hour) => {
            ("Kiasi cha saa hii kimeisha", "Kiasi unachoweza kutumia kwa saa moja kimeisha. Kitaanza upya saa ijayo.")
        }
        (Language::Swahili, Period::Day) => (
            "Kiasi cha leo kimeisha",
            "Kiasi unachoweza kutumia kwa siku moja kimeisha. Kitaanza upya usiku wa manane.",
        ),
        (Language::Swahili, Period::Month) => (
            "Kiasi cha mwezi huu kimeisha",
            "Kiasi unachoweza kutumia kwa mwezi mmoja kimeisha. Kitaanza upya siku ya kwanza ya mwezi ujao.",
        ),
        (Language::Arabic, Period::Hour) => {
            ("نفدت حصة هذه الساعة", "نفد ما يمكنك استخدامه في ساعة واحدة. تبدأ الحصة من جديد مع الساعة التالية.")
        }
        (Language::Arabic, Period::Day) => {
            ("نفدت حصة اليوم", "نفد ما يمكنك استخدامه في يوم واحد. تبدأ الحصة من جديد عند منتصف الليل.")
        }
        (Language::Arabic, Period::Month) => {
            ("نفدت حصة هذا الشهر", "نفد ما يمكنك استخدامه في شهر واحد. تبدأ الحصة من جديد في أول يوم من الشهر القادم.")
        }
    }
}

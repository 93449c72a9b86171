//! The pages of the remote site: a few words on water, with pictures.

/// One page.
pub(super) struct Page {
    pub(super) path: &'static str,
    pub(super) title: &'static str,
    /// Path below the site, and what is to be seen on it.
    pictures: &'static [(&'static str, &'static str)],
    paragraphs: &'static [&'static str],
}

pub(super) const PAGES: [Page; 4] = [
    Page {
        path: "/",
        title: "A pond that waits for rain",
        pictures: &[
            ("pictures/dry.bmp", "An empty pond under a clear sky"),
            ("pictures/full.bmp", "The same pond, full after the rains"),
            ("pictures/cycle.svg", "Water rises, drifts as cloud, rains and runs together again"),
        ],
        paragraphs: &[
            "Where it rains for a few months and then not at all, a village digs a hafir: a wide, shallow pond in clay \
             that holds water. Ditches lead the first heavy rains into it.",
            "Once it is full, people and animals drink from it through the dry season. What was caught once is used \
             many times, and nobody has to wait for the next cloud.",
            "A hafir is looked after by everybody: the silt is taken out when the pond is dry, animals drink from a \
             trough outside, and a hedge of thorns keeps the banks whole.",
        ],
    },
    Page {
        path: "/rain.html",
        title: "When the rain comes",
        pictures: &[
            ("pictures/rain.bmp", "Heavy rain over the half-filled pond"),
            ("pictures/chart.svg", "Rain in each month: most of it from April to October"),
        ],
        paragraphs: &[
            "A roof of 50 square metres catches about 50 litres from one millimetre of rain. A good shower of 20 \
             millimetres fills five barrels of 200 litres.",
            "To measure rain, stand a straight-sided tin in an open place and read with a ruler how high the water \
             stands in the morning. Write it down every day: after some years it tells when to sow.",
        ],
    },
    Page {
        path: "/clean.html",
        title: "Clean enough to drink",
        pictures: &[("pictures/full.bmp", "Clear water in the pond")],
        paragraphs: &[
            "Pond water looks clear and is not clean. Let it stand so that the mud sinks, pour it through a folded \
             cloth, then boil it: one minute of rolling boil is enough almost everywhere.",
            "Where wood is dear, the sun helps: a clear plastic bottle, filled with clear water and left in full sun \
             for six hours, two days under clouds, is safe to drink.",
            "Keep clean water in a vessel with a narrow neck and a lid, and pour from it; a cup that is dipped in \
             brings back what was boiled away.",
        ],
    },
    Page {
        path: "/wells.html",
        title: "Wells and pumps",
        pictures: &[("pictures/cycle.svg", "Water sinks into the ground and stays there")],
        paragraphs: &[
            "Some of the rain sinks through sand until clay or rock stops it. A well reaches down to that water; its \
             upper metres are lined, so that nothing from the surface runs in.",
            "A hand pump lifts some 15 litres in a minute from 30 metres. Its leather seals wear: a village that keeps \
             a spare set and one person who can change it never queues for long.",
        ],
    },
];

pub(super) const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1.1em/1.6 system-ui,sans-serif;max-width:38em;margin:0 auto;padding:1em}\
nav a{margin-right:1em}img{width:100%;height:auto;border-radius:.5em}figure{margin:1em 0}\
figcaption{opacity:.75;font-size:.9em}";

/// The page as HTML. All links are relative, so that the site may be served below any path.
pub(super) fn html(page: &Page) -> String {
    let links: String = PAGES.iter().map(|other| link(other, page)).collect();
    let paragraphs: String = page.paragraphs.iter().map(|text| format!("<p>{text}</p>\n")).collect();
    let pictures: String = page.pictures.iter().map(|(path, words)| figure(path, words)).collect();
    format!(
        "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>{title}</title><link rel=stylesheet href=style.css>\n<nav>{links}</nav>\n<h1>{title}</h1>\n\
         {paragraphs}{pictures}</html>\n",
        title = page.title,
    )
}

fn link(to: &Page, here: &Page) -> String {
    if to.path == here.path {
        return format!("<b>{}</b> ", to.title);
    }
    let target = if to.path == "/" { "./" } else { to.path.trim_start_matches('/') };
    format!("<a href='{target}'>{}</a> ", to.title)
}

fn figure(path: &str, words: &str) -> String {
    format!("<figure><img src={path} alt='{words}'><figcaption>{words}</figcaption></figure>\n")
}

/// The pages in which all words of a question occur.
pub(super) fn search(question: &str) -> Vec<&'static Page> {
    let words: Vec<String> = question.split_whitespace().map(str::to_lowercase).collect();
    let holds = |page: &&Page| {
        let text = [page.title, &page.paragraphs.join(" ")].join(" ").to_lowercase();
        !words.is_empty() && words.iter().all(|word| text.contains(word))
    };
    PAGES.iter().filter(holds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_must_occur() {
        let titles = |question| search(question).iter().map(|page| page.title).collect::<Vec<_>>();
        assert_eq!(titles("BOIL cloth"), ["Clean enough to drink"]);
        assert_eq!(titles("leather"), ["Wells and pumps"]);
        assert!(titles("leather boil").is_empty());
        assert!(titles(" ").is_empty());
    }

    #[test]
    fn pages_link_to_each_other_but_not_to_themselves() {
        let page = html(&PAGES[1]);
        assert!(page.contains("href='./'") && page.contains("href='wells.html'") && !page.contains("href='rain.html'"));
    }
}

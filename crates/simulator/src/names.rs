//! The words that people, apps and places are named with.
//!
//! Brands appear only where an administrator sets the name (Okta labels). Names of OAuth clients are chosen by whoever makes them, so
//! ordinary ones are invented here: a client that calls itself like a brand is a look-alike, and those are made on purpose.

/// First names, without letters that a mail address cannot hold.
pub(crate) const FIRST: &[&str] = &[
    "Ada", "Ahmed", "Aiko", "Alma", "Amir", "Ana", "Anton", "Bela", "Ben", "Carla", "Chen", "Clara", "Dana", "David",
    "Diego", "Elena", "Elif", "Emma", "Erik", "Fatima", "Felix", "Finn", "Greta", "Hana", "Hugo", "Ida", "Ines",
    "Ivan", "Jan", "Jonas", "Julia", "Kai", "Karim", "Lara", "Leon", "Lina", "Luca", "Maja", "Marco", "Maria", "Mila",
    "Mira", "Nadia", "Nils", "Nora", "Olga", "Omar", "Paula", "Pavel", "Priya", "Ravi", "Rosa", "Sami", "Sara",
    "Sofia", "Tariq", "Tess", "Tomas", "Vera", "Yuki",
];

/// Family names.
pub(crate) const FAMILY: &[&str] = &[
    "Abel", "Adler", "Aydin", "Bauer", "Becker", "Berg", "Blanc", "Bose", "Brandt", "Castro", "Cohen", "Costa", "Dahl",
    "Dietz", "Duarte", "Eder", "Engel", "Farkas", "Fischer", "Fuchs", "Garcia", "Graf", "Gupta", "Haas", "Hansen",
    "Hartmann", "Hoang", "Horn", "Ito", "Iyer", "Jansen", "Jung", "Kaya", "Keller", "Khan", "Klein", "Koch", "Kovacs",
    "Kowal", "Lang", "Larsen", "Lee", "Lopez", "Lorenz", "Maier", "Mensah", "Meyer", "Moreau", "Nagy", "Nielsen",
    "Novak", "Okafor", "Olsen", "Ortega", "Patel", "Peters", "Petrov", "Pohl", "Quinn", "Rao", "Reyes", "Richter",
    "Rossi", "Roth", "Sato", "Schmitt", "Silva", "Singh", "Sommer", "Stein", "Suzuki", "Tanaka", "Toth", "Vogel",
    "Wagner", "Walsh", "Weber", "Winter", "Wolf", "Zhang",
];

/// Departments, with how many of a thousand people work there.
pub(crate) const DEPARTMENTS: &[(&str, u32)] = &[
    ("Engineering", 230),
    ("Sales", 170),
    ("Operations", 130),
    ("Customer Support", 120),
    ("Marketing", 90),
    ("Finance", 70),
    ("Human Resources", 50),
    ("Design", 45),
    ("Legal", 30),
    ("Research", 35),
    ("IT", 30),
];

/// Apps that IT brought in, under the labels that administrators gave them in Okta. The first ones are for everybody.
pub(crate) const SANCTIONED_BRANDS: &[&str] = &[
    "Slack",
    "Zoom",
    "Workday",
    "Confluence",
    "Jira",
    "Salesforce",
    "Box",
    "DocuSign",
    "Zendesk",
    "GitHub",
    "Figma",
    "Tableau",
    "ServiceNow",
    "HubSpot",
    "Asana",
    "1Password",
    "Dropbox",
    "Concur",
    "Coupa",
    "NetSuite",
    "Greenhouse",
    "Lever",
    "BambooHR",
    "Lattice",
    "Culture Amp",
    "Datadog",
    "Splunk",
    "PagerDuty",
    "New Relic",
    "Sentry",
    "Snowflake",
    "Databricks",
    "Looker",
    "Mixpanel",
    "Amplitude",
    "Segment",
    "Marketo",
    "Mailchimp",
    "Hootsuite",
    "Gong",
    "Outreach",
    "ZoomInfo",
    "Intercom",
    "Freshdesk",
    "Twilio",
    "Stripe",
    "Expensify",
    "Brex",
    "Ramp",
    "Gusto",
    "Deel",
    "Rippling",
    "Udemy Business",
    "LinkedIn Learning",
    "Coursera",
    "SurveyMonkey",
    "Qualtrics",
    "Smartsheet",
    "Egnyte",
    "Adobe Creative Cloud",
    "Lucidchart",
    "InVision",
    "Sketch",
    "Zeplin",
    "GitLab",
    "Bitbucket",
    "CircleCI",
    "Jenkins",
    "LaunchDarkly",
    "Cloudflare",
    "Fastly",
    "DigitalOcean",
    "MongoDB Atlas",
    "Elastic Cloud",
    "Grafana Cloud",
    "Statuspage",
    "Opsgenie",
    "VictorOps",
    "Snyk",
    "SonarCloud",
    "JFrog",
    "Docker Hub",
    "Postman",
    "Contentful",
    "Shopify",
    "WordPress",
    "Squarespace",
    "SAP SuccessFactors",
    "SAP Ariba",
    "Oracle Fusion",
    "Anaplan",
    "BlackLine",
    "Avalara",
];

/// Apps that people bring in themselves and that somebody with the right to do so put into Okta, label and all.
pub(crate) const BROUGHT_BRANDS: &[&str] = &[
    "Otter.ai",
    "Grammarly",
    "Notion",
    "Miro",
    "Calendly",
    "Loom",
    "Canva",
    "Trello",
    "Airtable",
    "Typeform",
    "Jasper",
    "Descript",
    "Perplexity",
    "Fireflies.ai",
    "Gamma",
    "ClickUp",
    "WeTransfer",
    "Krisp",
    "Midjourney",
    "ElevenLabs",
    "Synthesia",
    "Coda",
    "Webflow",
    "Zapier",
    "Evernote",
    "Todoist",
    "Mural",
    "QuillBot",
];

/// The app that IT forbade.
pub(crate) const BLOCKED_BRAND: &str = "AnyDesk";

/// First halves of invented app names.
pub(crate) const STEMS: &[&str] = &[
    "Orvi", "Tuma", "Kelpa", "Brinu", "Vasto", "Quoma", "Zeldi", "Hapri", "Nuvok", "Jorla", "Pexil", "Wenta", "Yorba",
    "Ludra", "Gimbo", "Fenqi", "Drova", "Calyx", "Mirto", "Sopra", "Ubiko", "Okeli", "Raxo", "Tibla", "Elvet", "Ikona",
];

/// Second halves of invented app names.
pub(crate) const ENDINGS: &[&str] = &[
    "desk", "ledger", "board", "pilot", "scribe", "roster", "relay", "vault", "quill", "metric", "sprint", "notes",
    "pulse", "canvas", "tracker", "mentor", "atlas", "signal", "harbor", "forms",
];

/// Names that look like a brand and are not: a digit or a foreign letter stands where the brand has another.
pub(crate) const LOOK_ALIKES: &[&str] = &["Micros0ft Teams", "SIack", "D0cuSign", "Z\u{43e}\u{43e}m", "Dropb\u{43e}x"];

/// Names under which a phishing page asks for a mailbox.
pub(crate) const PHISHING: &[&str] = &[
    "Invoice Preview Pane",
    "Secure Voicemail Reader",
    "Payroll Update Assistant",
    "Shared Document Unlock",
    "Mailbox Quota Helper",
    "Benefits Enrolment 365",
    "eFax Message Viewer",
    "Tax Form Delivery",
];

/// Apps that public lists name as tools of attackers (Huntress, rogue apps): client id and name. Facts, not inventions.
pub(crate) const ROGUE: &[(&str, &str)] = &[
    ("ff8d92dc-3d82-41d6-bcbd-b9174d163620", "PerfectData Software"),
    ("e9a7fea1-1cc0-4cd9-a31b-9137ca5deedd", "eM Client"),
];

/// Microsoft's own clients, by their public ids (Microsoft's and Merill Fernando's lists of first-party apps). Facts, not inventions.
/// The last ones are first used during the run.
pub(crate) const FIRST_PARTY: &[(&str, &str)] = &[
    ("1fec8e78-bce4-4aaf-ab1b-5451cc387264", "Microsoft Teams"),
    ("00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"),
    ("89bee1f7-5e6e-4d8a-9f3d-ecd601259da7", "Office365 Shell WCSS-Client"),
    ("27922004-5251-4030-b22d-91ecd9a37ea4", "Outlook Mobile"),
    ("ab9b8c07-8f02-4f72-87fa-80105867a763", "OneDrive SyncEngine"),
    ("d3590ed6-52b3-4102-aeff-aad2292ab01c", "Microsoft Office"),
    ("4765445b-32c6-49b0-83e6-1d93765276ca", "OfficeHome"),
    ("29d9ed98-a469-4536-ade2-f981bc1d605e", "Microsoft Authentication Broker"),
    ("00000003-0000-0ff1-ce00-000000000000", "Office 365 SharePoint Online"),
    ("5e3ce6c0-2b1f-4285-8d4b-75ee78787346", "Microsoft Teams Web Client"),
    ("c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "Azure Portal"),
    ("2793995e-0a7d-40d7-bd35-6968ba142197", "My Apps"),
    ("8c59ead7-d703-4a27-9e55-c96a0054c8d2", "My Profile"),
    ("2d4d3d8e-2be3-4bef-9f87-7875a61c29de", "OneNote"),
    ("871c010f-5e61-4fb1-83ac-98610a7e9110", "Microsoft Power BI"),
    ("c9a559d2-7aab-4f13-a6ed-e7e9c52aec87", "Microsoft Forms"),
    ("b737dad2-2f6c-4c65-90e3-ca563267e8b9", "Microsoft Planner"),
    ("c4b8c31a-fb44-4c65-9837-a21f55fcabda", "Microsoft Loop"),
    ("c1c74fed-04c9-4704-80dc-9f79a2e515cb", "Yammer Web"),
    ("844cca35-0656-46ce-b636-13f48b0eecbd", "Microsoft Stream Mobile Native"),
];

/// How many of `FIRST_PARTY`, from the end, are new to the company during the run.
pub(crate) const FIRST_PARTY_NEW: usize = 4;

/// What people type as their name when they are one field too fast.
pub(crate) const TYPED_PASSWORDS: &[&str] = &[
    "Sommer2026!x",
    "correct.horse.battery",
    "Qwertz#4711",
    "N0tMyMail$",
    "hunter2-hunter2",
    "Tr0ub4dor&3",
    "MyCat_Luna88",
];

import{a as _}from"../chunks/chunk-M56EGHPT.js";import{a as k,b as a}from"../chunks/chunk-LVLWG5QD.js";import{f as D}from"../chunks/chunk-R6ISBZZL.js";import{D as p,Da as A,E as l,Ea as t,F as f,H as T,L as m,Na as B,R as x,Y as h,b as g,c as b,ca as v,ea as R,g as r,h as y,u as L,v as P,w as S,wa as C,xa as q}from"../chunks/chunk-DVZ2JOGS.js";await A(()=>import("../chunks/words_links-EEOEP45A.js"),()=>import("../chunks/words_links_de-NFNB57OW.js"));var U=25,w=10,F="../../analytics/";function M({pages:e}){let{state:s,code:i,go:o,open:n}=O(),$=new URLSearchParams({site:y,...S(s)[0],limit:String(i?w:U)}),c=B(F+(i?`stats/${encodeURIComponent(i)}`:"global")+"?"+$),u=c.data&&("short_code"in c.data?c.data.short_code===i:!i)?c.data:null,d=c.isBusy&&u!==null,E=i?void 0:t("linksIntro");return r`<${C} pages=${e} name="links" title=${i||t("linksPage")} intro=${E}
isReady=${u!==null&&!c.isBusy}
tools=${r`<${D} state=${s} go=${o} />`}
setPeriod=${I=>o({period:I,unit:""})}
back=${i&&r`<button class="text-btn back" onClick=${()=>n("")}><${R} name="back"
size="14" />${t("allLinks")}</button>`}>
<${q} error=${c.error} retry=${c.retry} />
${i?r`<${Z} data=${u} isBusy=${d} />`:r`<${W} data=${u} isBusy=${d}
open=${n} />`}
<//>`}function O(){let e=()=>({state:L(location.search),code:new URLSearchParams(location.search).get("code")??""}),[s,i]=g(e);b(()=>{let c=()=>i(e());return addEventListener("popstate",c),()=>removeEventListener("popstate",c)},[]);let o=(c,u)=>{let d=P(c);history.pushState(null,"",u?`${d}${d.includes("?")?"&":"?"}code=${encodeURIComponent(u)}`:d),i(e())};return{...s,go:c=>o({...s.state,...c},s.code),open:c=>{o(s.state,c),scrollTo(0,0)}}}function W({data:e,isBusy:s,open:i}){let o=n=>n===void 0?p:f(n);return e&&!e.total_clicks&&!e.trending.length?r`<div class="card"><${v} title=${t("noClicks")}>${t("noClicksText")}<//></div>`:r`<section class=${"card hero"+(s?" busy":"")} aria-label=${t("linksPage")}><div
class="kpis four alone">
<${a} name=${t("clicks")} value=${o(e?.total_clicks)} title=${l(e?.total_clicks)}
foot=${t("inPeriod")} />
<${a} name=${t("clickers")} value=${o(e?.unique_visitors)} title=${l(e?.unique_visitors)}
foot=${t("inPeriod")} />
<${a} name=${t("clicks")} value=${o(e?.clicks_today)} title=${l(e?.clicks_today)}
foot=${t("day")} />
<${a} name=${t("clicks")} value=${o(e?.clicks_this_week)} title=${l(e?.clicks_this_week)}
foot=${t("thisWeek")} />
</div></section>
<${j} data=${e} open=${i} />
<div class="panels">
<${k} title=${t("topLinks")} name=${t("src")} column=${t("clicks")} second=${t("share")}
empty=${t("nothingText")} isBusy=${s} rows=${e&&e.top_urls.map(n=>({key:n.short_code,text:n.short_code,value:n.clicks,second:m(n.clicks/Math.max(1,e.total_clicks)),open:()=>i(n.short_code),title:t("openLink",{name:n.short_code})}))} />
<${k} title=${t("trending")} name=${t("src")} column=${t("last7")} second=${t("before7")}
empty=${t("noTrend")} isBusy=${s} rows=${e&&e.trending.map(n=>({key:n.short_code,text:n.short_code,value:n.clicks,second:`${l(n.previous)} (+${l(n.change)})`,open:()=>i(n.short_code),title:t("openLink",{name:n.short_code})}))} />
</div>`}function j({data:e,open:s}){return r`<form class="line-form finder" role="search" onSubmit=${o=>{o.preventDefault();let n=String(new FormData(o.target).get("code")).trim();n&&s(n)}}>
<label class="field">${t("findLink")}<input name="code" list="codes" autocomplete="off" required maxlength="512" />
</label>
<datalist id="codes">${e?.top_urls.map(o=>r`<option key=${o.short_code} value=${o.short_code} />`)}
</datalist>
<button class="btn">${t("show")}</button></form>`}function Z({data:e,isBusy:s}){let i=o=>o===void 0?p:f(o);return r`<section class=${"card hero"+(s?" busy":"")} aria-label=${t("clicks")}>
<div class="kpis">
<${a} name=${t("clicks")} value=${i(e?.total_clicks)} title=${l(e?.total_clicks)}
foot=${t("inPeriod")} />
<${a} name=${t("clickers")} value=${i(e?.unique_clicks)} title=${l(e?.unique_clicks)}
foot=${t("inPeriod")} />
<${a} name=${t("clicks")} value=${i(e?.clicks_today)} title=${l(e?.clicks_today)}
foot=${t("day")} />
<${a} name=${t("clicks")} value=${i(e?.clicks_this_month)} title=${l(e?.clicks_this_month)}
foot=${t("month")} />
<${a} name=${t("impressions")} value=${i(e?.impressions)} title=${l(e?.impressions)}
foot=${t("inPeriod")} />
<${a} name=${t("clickRate")} value=${T(e?.click_through_rate)} foot=${t("clickRateText")} />
</div>
${e?r`<${N} data=${e} />`:r`<div class="skeleton columns-sk"></div>`}
</section>
<div class="panels">
<section class=${"card panel"+(s?" busy":"")} aria-label=${t("hoursTitle")}><div class="tabs"><h2
class="tab on">${t("hoursTitle")}</h2></div>
${e?r`<div class="pad hours"><${_} values=${e.peak_hours.map(o=>o.clicks)}
height=${200} label=${t("hoursLabel")} marks=${["00:00","12:00","23:00"]}
describe=${o=>t("columnText",{name:`${String(e.peak_hours[o].hour).padStart(2,"0")}:00`,n:l(e.peak_hours[o].clicks)},e.peak_hours[o].clicks)} />
<${Y} counts=${e.direct_vs_referred} /></div>`:r`<div class="skeleton map-sk"></div>`}</section>
${z.map(([o,n,$])=>e&&!H(e[o])?null:r`<${k} key=${o} title=${t(n)}
name=${t($)} column=${t("clicks")} isBusy=${s} empty=${t("nothingText")}
rows=${e&&(e[o]??[]).map(c=>({key:c.name,...K(o,c.name),value:c.count}))} />`)}
</div>`}var z=[["top_referers","sources","source"],["top_countries","countries","country"],["top_regions","regions","region"],["top_cities","cities","city"],["top_browsers","browsers","browser"],["top_os","systems","os"],["top_devices","devices","device"]],H=e=>e!==void 0&&(e.length!==1||e[0].name!=="Unknown");function K(e,s){return s==="Unknown"?{text:t("unknown")}:e==="top_referers"&&s==="Direct"?{text:t("direct")}:e==="top_countries"?{text:h("country",s),flag:/^[A-Z]{2}$/.test(s)?s:void 0}:{text:e==="top_devices"?h("device",s):s}}function N({data:e}){let s=e.click_timeline;if(!e.total_clicks)return r`<${v} title=${t("noClicks")}>${t("noClicksLink")}<//>`;let i=$=>x(s[$].date+"T12:00:00Z","day"),o=$=>t("columnText",{name:i($),n:l(s[$].clicks)},s[$].clicks),n=Math.floor(s.length/2);return r`<div class="plot"><div class="plot-head">${t("clicksByDay",{n:s.length},s.length)}</div>
<${_} values=${s.map($=>$.clicks)} height=${180}
label=${t("clicksLabel",{n:l(e.total_clicks)})} marks=${[i(0),s.length>2?i(n):"",i(s.length-1)]}
describe=${o} /></div>`}function Y({counts:e}){let s=e.direct+e.referred;return s?r`<div class="direct"><div class="direct-bar" aria-hidden="true"><span
style=${{"--w":e.direct/s*100+"%"}}></span></div>
<div class="job-facts num"><span>${t("direct")}: ${l(e.direct)} (${m(e.direct/s)})</span>
<span>${t("referred")}: ${l(e.referred)} (${m(e.referred/s)})</span></div></div>`:null}export{M as default};

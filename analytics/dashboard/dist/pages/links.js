import{a as q}from"../chunks/chunk-KQHLB2R2.js";import{a as _}from"../chunks/chunk-H6OO753K.js";import{a as k,b as a}from"../chunks/chunk-C5LC4IL5.js";import{a as A,b as B}from"../chunks/chunk-GLWP7YAH.js";import{$ as C,H as P,J as p,K as l,L as f,M as x,N as m,T as R,Z as h,b as g,c as y,ca as v,h as r,i as b,ma as t,s as L,t as S,u as T}from"../chunks/chunk-JKRTTABF.js";var E=25,I=10,F="../../analytics/";function U({pages:e}){let{state:s,code:i,go:o,open:c}=w(),$=new URLSearchParams({site:b,...T(s)[0],limit:String(i?I:E)}),n=P(F+(i?`stats/${encodeURIComponent(i)}`:"global")+"?"+$),u=n.data&&("short_code"in n.data?n.data.short_code===i:!i)?n.data:null,d=n.isBusy&&u!==null,D=i?void 0:t("linksIntro");return r`<${A} pages=${e} name="links" title=${i||t("linksPage")} intro=${D}
    isReady=${u!==null&&!n.isBusy}
    tools=${r`<${q} state=${s} go=${o} />`}>
    ${i&&r`<button class="text-btn back" onClick=${()=>c("")}><${C} name="back"
      size="14" />${t("allLinks")}</button>`}
    <${B} error=${n.error} retry=${n.retry} />
    ${i?r`<${j} data=${u} isBusy=${d} />`:r`<${M} data=${u} isBusy=${d}
      open=${c} />`}
  <//>`}function w(){let e=()=>({state:L(location.search),code:new URLSearchParams(location.search).get("code")??""}),[s,i]=g(e);y(()=>{let n=()=>i(e());return addEventListener("popstate",n),()=>removeEventListener("popstate",n)},[]);let o=(n,u)=>{let d=S(n);history.pushState(null,"",u?`${d}${d.includes("?")?"&":"?"}code=${encodeURIComponent(u)}`:d),i(e())};return{...s,go:n=>o({...s.state,...n},s.code),open:n=>{o(s.state,n),scrollTo(0,0)}}}function M({data:e,isBusy:s,open:i}){let o=c=>c===void 0?p:f(c);return e&&!e.total_clicks&&!e.trending.length?r`<div class="card"><${v} title=${t("noClicks")}>${t("noClicksText")}<//></div>`:r`<section class=${"card hero"+(s?" busy":"")} aria-label=${t("linksPage")}><div
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
    <${O} data=${e} open=${i} />
    <div class="panels">
      <${k} title=${t("topLinks")} name=${t("src")} column=${t("clicks")} second=${t("share")}
        empty=${t("nothingText")} isBusy=${s} rows=${e&&e.top_urls.map(c=>({key:c.short_code,text:c.short_code,value:c.clicks,second:m(c.clicks/Math.max(1,e.total_clicks)),open:()=>i(c.short_code),title:t("openLink",{name:c.short_code})}))} />
      <${k} title=${t("trending")} name=${t("src")} column=${t("last7")} second=${t("before7")}
        empty=${t("noTrend")} isBusy=${s} rows=${e&&e.trending.map(c=>({key:c.short_code,text:c.short_code,value:c.clicks,second:`${l(c.previous)} (+${l(c.change)})`,open:()=>i(c.short_code),title:t("openLink",{name:c.short_code})}))} />
    </div>`}function O({data:e,open:s}){return r`<form class="line-form finder" role="search" onSubmit=${o=>{o.preventDefault();let c=String(new FormData(o.target).get("code")).trim();c&&s(c)}}>
    <label class="field">${t("findLink")}<input name="code" list="codes" autocomplete="off" required maxlength="512" />
      </label>
    <datalist id="codes">${e?.top_urls.map(o=>r`<option key=${o.short_code} value=${o.short_code} />`)}
      </datalist>
    <button class="btn">${t("show")}</button></form>`}function j({data:e,isBusy:s}){let i=o=>o===void 0?p:f(o);return r`<section class=${"card hero"+(s?" busy":"")} aria-label=${t("clicks")}>
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
        <${a} name=${t("clickRate")} value=${x(e?.click_through_rate)} foot=${t("clickRateText")} />
      </div>
      ${e?r`<${z} data=${e} />`:r`<div class="skeleton columns-sk"></div>`}
    </section>
    <div class="panels">
      <section class=${"card panel"+(s?" busy":"")} aria-label=${t("hoursTitle")}><div class="tabs"><h2
        class="tab on">${t("hoursTitle")}</h2></div>
        ${e?r`<div class="pad hours"><${_} values=${e.peak_hours.map(o=>o.clicks)}
          label=${t("hoursLabel")} marks=${["00:00","12:00","23:00"]}
          describe=${o=>t("columnText",{name:`${String(e.peak_hours[o].hour).padStart(2,"0")}:00`,n:l(e.peak_hours[o].clicks)},e.peak_hours[o].clicks)} />
          <${H} counts=${e.direct_vs_referred} /></div>`:r`<div class="skeleton map-sk"></div>`}</section>
      ${W.map(([o,c,$])=>e&&!e[o]?null:r`<${k} key=${o} title=${t(c)}
        name=${t($)} column=${t("clicks")} isBusy=${s} empty=${t("nothingText")}
        rows=${e&&(e[o]??[]).map(n=>({key:n.name,...Z(o,n.name),value:n.count}))} />`)}
    </div>`}var W=[["top_referers","sources","source"],["top_countries","countries","country"],["top_regions","regions","region"],["top_cities","cities","city"],["top_browsers","browsers","browser"],["top_os","systems","os"],["top_devices","devices","device"]];function Z(e,s){return s==="Unknown"?{text:t("unknown")}:e==="top_referers"&&s==="Direct"?{text:t("direct")}:e==="top_countries"?{text:h("country",s),flag:/^[A-Z]{2}$/.test(s)?s:void 0}:{text:e==="top_devices"?h("device",s):s}}function z({data:e}){let s=e.click_timeline;if(!e.total_clicks)return r`<${v} title=${t("noClicks")}>${t("noClicksLink")}<//>`;let i=$=>R(s[$].date+"T12:00:00Z","day"),o=$=>t("columnText",{name:i($),n:l(s[$].clicks)},s[$].clicks),c=Math.floor(s.length/2);return r`<div class="plot"><div class="plot-head">${t("clicksByDay",{n:s.length},s.length)}</div>
    <${_} values=${s.map($=>$.clicks)} height=${180}
      label=${t("clicksLabel",{n:l(e.total_clicks)})} marks=${[i(0),s.length>2?i(c):"",i(s.length-1)]}
      describe=${o} /></div>`}function H({counts:e}){let s=e.direct+e.referred;return s?r`<div class="direct"><div class="direct-bar" aria-hidden="true"><span
    style=${{"--w":e.direct/s*100+"%"}}></span></div>
    <div class="job-facts num"><span>${t("direct")}: ${l(e.direct)} (${m(e.direct/s)})</span>
      <span>${t("referred")}: ${l(e.referred)} (${m(e.referred/s)})</span></div></div>`:null}export{U as default};
